// Runs batches of jobs through a tensor engine at full speed, with no Python, and checks every output.
//
//   harness PLAN BATCHES
//
// PLAN is of 32-bit little-endian words. For each of i_job, i_a, i_b, i_c, o_c: how many transfers a
// batch has, a mark for each, and their payloads, each filled up to whole words. A marked transfer of
// o_c returns through i_c in place of a marked one. Every stream is ready whenever its data exists.
// Prints one JSON object.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <type_traits>
#include <vector>

#include "Vdut.h"
#include "verilated.h"

namespace {

constexpr uint64_t NO_PROGRESS_CYCLES = 100000;

// One stream's transfers of one batch; after the last comes the first again.
template <class Payload>
struct Transfers {
    static constexpr size_t WORDS = (sizeof(Payload) + 3) / 4;
    std::vector<uint32_t> marks, words;
    size_t position = 0;
    uint64_t done = 0;

    explicit Transfers(std::ifstream& plan) {
        uint32_t count = 0;
        plan.read(reinterpret_cast<char*>(&count), 4);
        marks.resize(count);
        words.resize(count * WORDS);
        plan.read(reinterpret_cast<char*>(marks.data()), 4 * marks.size());
        plan.read(reinterpret_cast<char*>(words.data()), 4 * words.size());
    }
    uint32_t* at(size_t i) { return words.data() + i * WORDS; }
    void step() {
        ++done;
        if (++position == marks.size()) position = 0;
    }
};

template <class Payload>
class Source {
  public:
    Transfers<Payload> transfers;

    Source(std::ifstream& plan, Payload& payload, CData& valid, const CData& ready, uint64_t batches)
        : transfers(plan), m_payload(payload), m_valid(valid), m_ready(ready),
          m_missing(transfers.marks), m_total(transfers.marks.size() * batches) {}

    void offer() {
        m_valid = transfers.done < m_total && !m_missing[transfers.position];
        if (m_valid) {
            std::memcpy(static_cast<void*>(&m_payload), transfers.at(transfers.position),
                        sizeof(Payload));
        }
    }
    bool takes() const { return m_valid && m_ready; }
    void step() {
        m_missing[transfers.position] = transfers.marks[transfers.position];
        transfers.step();
        offer();
    }
    // The next marked transfer is this one.
    template <class Other>
    void feed_back(const Other& payload) {
        static_assert(sizeof(Other) == sizeof(Payload), "o_c and i_c carry the same rows");
        while (!transfers.marks[m_fed]) m_fed = (m_fed + 1) % transfers.marks.size();
        std::memcpy(transfers.at(m_fed), &payload, sizeof(Payload));
        m_missing[m_fed] = 0;
        m_fed = (m_fed + 1) % transfers.marks.size();
        offer();
    }
    bool finished() const { return transfers.done == m_total; }

  private:
    Payload& m_payload;
    CData& m_valid;
    const CData& m_ready;
    std::vector<uint32_t> m_missing;
    size_t m_fed = 0;
    uint64_t m_total;
};

template <class Payload>
Source(std::ifstream&, Payload&, CData&, const CData&, uint64_t) -> Source<Payload>;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::ifstream plan(argv[1], std::ios::binary);
    const uint64_t batches = std::strtoull(argv[2], nullptr, 10);

    Vdut dut;
    // Verilator writes the second of two underscores as 05F.
    Source job(plan, dut.i_job___05Fpayload, dut.i_job___05Fvalid, dut.i_job___05Fready, batches);
    Source a(plan, dut.i_a___05Fpayload, dut.i_a___05Fvalid, dut.i_a___05Fready, batches);
    Source b(plan, dut.i_b___05Fpayload, dut.i_b___05Fvalid, dut.i_b___05Fready, batches);
    Source c(plan, dut.i_c___05Fpayload, dut.i_c___05Fvalid, dut.i_c___05Fready, batches);
    auto& row = dut.o_c___05Fpayload;
    Transfers<std::decay_t<decltype(row)>> expected(plan);
    const uint64_t rows = expected.marks.size() * batches;
    if (!plan) return 2;

    const auto edge = [&dut] {
        dut.clk = 1;
        dut.eval();
        dut.clk = 0;
        dut.eval();
    };
    dut.rst = 1;
    edge();
    edge();
    dut.rst = 0;
    dut.o_c___05Fready = 1;
    job.offer();
    a.offer();
    b.offer();
    c.offer();
    dut.eval();

    auto partial_sums = row;
    uint64_t cycles = 0, busy = 0, stalled = 0, mismatches = 0, progress = 0;
    const auto start = std::chrono::steady_clock::now();
    while ((expected.done < rows || dut.busy) && cycles - progress < NO_PROGRESS_CYCLES) {
        const bool job_taken = job.takes(), a_taken = a.takes(), b_taken = b.takes();
        const bool c_taken = c.takes(), emitted = dut.o_c___05Fvalid;
        busy += dut.busy;
        stalled += dut.busy && dut.stalled;
        const bool fed_back = emitted && expected.marks[expected.position];
        if (emitted) {
            mismatches += std::memcmp(&row, expected.at(expected.position), sizeof row) != 0;
            expected.step();
        }
        if (fed_back) partial_sums = row;
        dut.clk = 1;
        dut.eval();
        if (job_taken) job.step();
        if (a_taken) a.step();
        if (b_taken) b.step();
        if (c_taken) c.step();
        if (fed_back) c.feed_back(partial_sums);
        dut.clk = 0;
        dut.eval();
        if (job_taken || a_taken || b_taken || c_taken || emitted) progress = cycles;
        ++cycles;
    }
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    const bool finished = expected.done == rows && job.finished() && a.finished() && b.finished() &&
                          c.finished();
    std::printf("{\"cycles\": %llu, \"busy_cycles\": %llu, \"stalled_cycles\": %llu, "
                "\"rows\": %llu, \"mismatches\": %llu, \"finished\": %s, \"seconds\": %.6f}\n",
                static_cast<unsigned long long>(cycles), static_cast<unsigned long long>(busy),
                static_cast<unsigned long long>(stalled),
                static_cast<unsigned long long>(expected.done),
                static_cast<unsigned long long>(mismatches), finished ? "true" : "false",
                passed.count());
    return 0;
}
