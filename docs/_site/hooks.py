"""Hooks of MkDocs: pages made from code and data, files from beside docs/, and their links."""

import posixpath
import re
from typing import Any

import notebook
import outside
import reference
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

_MARKER = re.compile(r"^<!-- generated (.+?) -->$", re.MULTILINE)


def on_files(files: Files, *, config: Any) -> Files:
    """Add what lies beside docs/, and a page for each notebook."""
    source, site, urls = str(outside.ROOT), config.site_dir, config.use_directory_urls
    for path in outside.published():
        files.append(File(path, source, site, urls))
    for path in outside.listed():
        files.append(File.generated(config, f"{path}.md", content=outside.listing(path)))
    for path in outside.folders():
        files.append(File.generated(config, f"{path}/index.md", content=outside.folder(path)))
    for file in [f for f in files if f.src_uri.endswith(".ipynb")]:
        folder, name = posixpath.split(file.src_uri)
        try:
            page, pictures = notebook.converted(file.content_string, name.removesuffix(".ipynb"))
        except (KeyError, ValueError) as error:
            raise PluginError(f"{file.src_uri}: {error!r}") from error
        made = pictures | {name.replace(".ipynb", ".md"): page}
        for each, content in made.items():
            place = posixpath.join(folder, each)
            files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Files, **_: Any) -> str:
    """Fill in what a page asks for, then turn links to files into links to their pages."""

    def made(match: re.Match[str]) -> str:
        name, *arguments = match[1].split()
        try:
            return reference.make(name, *arguments)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise PluginError(f"{page.file.src_uri}: {match[0]}: {error!r}") from error

    if page.file.src_uri.startswith("results/"):
        page.meta.setdefault("search", {"boost": 0.2})  # a search means the text before its tables
        if files.get_file_from_path(outside.text_about(page.file.src_uri)):
            markdown = outside.explained(page.file.src_uri, markdown)
    filled = _MARKER.sub(made, markdown)
    return outside.relinked(filled, _origin(page.file), page.file.src_uri)


def _origin(file: File) -> str:
    """Where a page's source is, or would be, in the repository."""
    if file.src_dir == str(outside.ROOT) or file.generated_by:
        return file.src_uri if not file.src_uri.startswith("notebooks/") else f"docs/{file.src_uri}"
    return f"docs/{file.src_uri}"
