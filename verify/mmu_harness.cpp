// Runs requests through an MMU, or its L2 cache alone, over a behavioural memory; notes all that comes out.
//
//   harness PLAN RECORD
//
// PLAN, in 64-bit little-endian words: how many requests, words of each, cycles that memory takes, a seed,
// whether memory and requester stall at random, how many lines of memory follow, how many roots of
// page tables. Then the roots; the lines, each its number and eight words; the requests, each filled up
// to whole words, and one word more: whether the L2 TLB is under pressure (for the cache alone). Lines
// that are not given hold what `initial` says. RECORD: see `Output`. Prints one JSON object.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "Vdut.h"
#include "verilated.h"

namespace {

constexpr uint64_t NO_PROGRESS_CYCLES = 20000;
constexpr uint64_t PACE_CYCLES = 500;  // then stalls become more or less likely
constexpr int WORDS = 8;
using Line = std::vector<uint64_t>;

uint64_t initial(uint64_t word) {  // splitmix64
    uint64_t z = word * 0x9E3779B97F4A7C15ULL + 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

template <class Port>
void set(Port& port, const uint64_t* words) {
    std::memcpy(static_cast<void*>(&port), words, sizeof(Port));
}

template <class Port>
constexpr size_t words_of() {
    return (sizeof(Port) + 7) / 8;
}

template <class Port>
void append(std::vector<uint64_t>& out, const Port& port) {
    uint64_t words[words_of<Port>()] = {};
    std::memcpy(words, static_cast<const void*>(&port), sizeof(Port));
    out.insert(out.end(), words, words + words_of<Port>());
}

template <class Dut, class = void>
constexpr bool is_mmu = false;
template <class Dut>
constexpr bool is_mmu<Dut, std::void_t<decltype(std::declval<Dut&>().root_asid)>> = true;

class Memory {
  public:
    std::unordered_map<uint64_t, Line> lines;

    Line& at(uint64_t number) {
        auto [place, is_new] = lines.try_emplace(number);
        if (is_new) {
            for (int i = 0; i < WORDS; ++i) place->second.push_back(initial(number * WORDS + i));
        }
        return place->second;
    }
};

// For each request: cycles of its acceptance, of its translation, of its response and its end, each
// with the cycles that memory has stalled by then; its response, and the same outputs one cycle later.
// Each event and each write to memory comes after the number of its request.
struct Output {
    std::vector<uint64_t> requests, events, writes;
};

template <class Dut>
class Bench {
  public:
    Bench(std::ifstream& plan, uint64_t count, uint64_t words) : m_count(count), m_words(words) {
        uint64_t head[5];
        read(plan, head, 5);
        m_latency = head[0];
        m_random.seed(head[1]);
        m_stalls = head[2] != 0;
        m_roots.resize(head[4]);
        read(plan, m_roots.data(), m_roots.size());
        for (uint64_t i = 0; i < head[3]; ++i) {
            uint64_t line[1 + WORDS];
            read(plan, line, 1 + WORDS);
            m_memory.lines[line[0]] = Line(line + 1, line + 1 + WORDS);
        }
        m_plan.resize(count * (words + 1));
        read(plan, m_plan.data(), m_plan.size());
    }

    bool run() {
        reset();
        while (m_responses < m_count || busy()) {
            offer();
            settle();
            if (!sample()) return false;
            m_dut.clk = 1;
            m_dut.eval();
            ++m_cycle;
        }
        return true;
    }
    const Output& output() const { return m_output; }
    uint64_t cycles() const { return m_cycle; }
    uint64_t responses() const { return m_responses; }

  private:
    static void read(std::ifstream& plan, uint64_t* words, size_t count) {
        plan.read(reinterpret_cast<char*>(words), 8 * count);
    }
    bool busy() {
        if constexpr (is_mmu<Dut>) return m_dut.busy;
        return m_late;
    }
    bool happens() { return m_stalls && std::uniform_real_distribution<>()(m_random) < m_chance; }

    void reset() {
        m_dut.rst = 1;
        for (int i = 0; i < 4; ++i) {
            m_dut.clk = i & 1;
            m_dut.eval();
        }
        m_dut.rst = 0;
    }

    void offer() {
        if (m_stalls && m_cycle % PACE_CYCLES == 0) {
            m_chance = std::uniform_real_distribution<>(0, 0.9)(m_random);
        }
        if (m_accepts) m_dut.request___05Fvalid = 0;
        m_accepts = false;
        if (!m_dut.request___05Fvalid && m_accepted < m_count && !happens()) {
            m_dut.request___05Fvalid = 1;
            set(m_dut.request___05Fpayload, &m_plan[m_accepted * (m_words + 1)]);
        }
        if constexpr (!is_mmu<Dut>) m_dut.pressure = m_pressure;
        m_dut.memory___05Fread___05Fready = !happens();
        m_dut.memory___05Fline_valid = m_reading && m_cycle == m_due;
        if (m_dut.memory___05Fline_valid) {
            set(m_dut.memory___05Fline, m_memory.at(m_line).data());
            m_reading = false;
        }
    }

    void settle() {
        m_dut.clk = 0;
        m_dut.eval();
        if constexpr (is_mmu<Dut>) {
            m_dut.root = m_roots[m_dut.root_asid];
            m_dut.eval();
        }
    }

    void mark(int what) {
        uint64_t* marks = &m_output.requests[m_responses * m_stride + 2 * what];
        marks[0] = m_cycle;
        marks[1] = m_stalled;
    }

    // Whether all is well: the design goes on.
    bool sample() {
        constexpr size_t PAYLOAD = words_of<decltype(m_dut.response)>();
        m_stride = 8 + 2 * PAYLOAD;
        if (m_late) {
            m_late = false;
            uint64_t* late = &m_output.requests[m_responses * m_stride - PAYLOAD];
            std::memcpy(late, static_cast<const void*>(&m_dut.response), sizeof(m_dut.response));
        }
        memory();
        if (m_dut.event_valid) {
            m_output.events.push_back(m_accepted - 1);
            append(m_output.events, m_dut.event);
        }
        if constexpr (is_mmu<Dut>) {
            if (m_dut.translated) mark(1);
            if (m_dut.busy && m_accepted == m_responses) {
                --m_responses;
                mark(3);
                ++m_responses;
            }
        }
        if (m_dut.response_valid) {
            if (m_responses == m_accepted) return false;  // nothing was asked
            mark(2);
            mark(3);
            uint64_t* payload = &m_output.requests[m_responses * m_stride + 8];
            std::memcpy(payload, static_cast<const void*>(&m_dut.response), sizeof(m_dut.response));
            ++m_responses;
            m_late = true;
            m_progress = m_cycle;
        }
        if (m_dut.request___05Fvalid && m_dut.request___05Fready) {
            if (m_responses != m_accepted) return false;  // one at a time
            m_output.requests.resize(m_output.requests.size() + m_stride);
            mark(0);
            m_pressure = m_plan[m_accepted * (m_words + 1) + m_words] != 0;
            ++m_accepted;
            m_accepts = true;
            m_progress = m_cycle;
        }
        return m_cycle - m_progress < NO_PROGRESS_CYCLES;
    }

    void memory() {
        if (m_dut.memory___05Fwrite_valid) {
            uint64_t word[words_of<decltype(m_dut.memory___05Fwrite)>() + 1] = {};
            std::memcpy(word, static_cast<const void*>(&m_dut.memory___05Fwrite),
                        sizeof(m_dut.memory___05Fwrite));
            // 46 bits of line number, 8 of mask, 512 of data
            const uint64_t number = word[0] & ((1ULL << 46) - 1), mask = word[0] >> 46 & 0xFF;
            m_output.writes.insert(m_output.writes.end(), {m_accepted - 1, number, mask});
            Line& line = m_memory.at(number);
            for (int i = 0; i < WORDS; ++i) {
                const uint64_t data = word[i] >> 54 | word[i + 1] << 10;
                if (mask >> i & 1) line[i] = data;
                m_output.writes.push_back(data);
            }
        }
        if (m_dut.memory___05Fread___05Fvalid) {
            if (!m_dut.memory___05Fread___05Fready) {
                ++m_stalled;
                return;
            }
            const uint64_t extra =
                happens() ? std::uniform_int_distribution<uint64_t>(1, 40)(m_random) : 0;
            m_stalled += extra;
            m_line = m_dut.memory___05Fread___05Fpayload;
            m_reading = true;
            m_due = m_cycle + m_latency + extra;
        }
    }

    Dut m_dut;
    Memory m_memory;
    Output m_output;
    std::mt19937_64 m_random;
    std::vector<uint64_t> m_plan, m_roots;
    uint64_t m_count, m_words, m_latency = 1, m_stride = 0;
    uint64_t m_cycle = 0, m_stalled = 0, m_accepted = 0, m_responses = 0, m_progress = 0;
    uint64_t m_line = 0, m_due = 0;
    double m_chance = 0;
    bool m_stalls = false, m_reading = false, m_late = false, m_pressure = false, m_accepts = false;
};

void write(std::ofstream& file, const std::vector<uint64_t>& words) {
    const uint64_t size = words.size();
    file.write(reinterpret_cast<const char*>(&size), 8);
    file.write(reinterpret_cast<const char*>(words.data()), 8 * size);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::ifstream plan(argv[1], std::ios::binary);
    uint64_t head[2];
    plan.read(reinterpret_cast<char*>(head), 16);
    auto bench = std::make_unique<Bench<Vdut>>(plan, head[0], head[1]);
    const auto start = std::chrono::steady_clock::now();
    const bool finished = bench->run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::ofstream record(argv[2], std::ios::binary);
    for (const auto* words : {&bench->output().requests, &bench->output().events,
                              &bench->output().writes}) {
        write(record, *words);
    }
    std::printf("{\"finished\": %s, \"cycles\": %llu, \"responses\": %llu, \"seconds\": %g}\n",
                finished ? "true" : "false", static_cast<unsigned long long>(bench->cycles()),
                static_cast<unsigned long long>(bench->responses()), took.count());
}
