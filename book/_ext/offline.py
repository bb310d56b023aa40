"""Keep every page to the files of the book: no script, style or font from another host."""


def drop_outside_files(app, pagename, templatename, context, doctree):
    """Take scripts and styles with an outside address off a page, and sphinx-thebe's with them.

    sphinx-thebe puts a loader for a live-code service on each page (twice); the book does not
    use it, and it would fetch from the network.
    """
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if not str(getattr(file, "filename", file)).startswith(("http://", "https://", "//"))
            and "thebe" not in str(getattr(file, "filename", None) or "").lower()
            and "thebe" not in str(getattr(file, "attributes", {}).get("body", "")).lower()
        ]


def setup(app):
    # after every extension that adds files has had its turn
    app.connect("html-page-context", drop_outside_files, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
