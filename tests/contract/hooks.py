"""What schemathesis can't read in the document, or reads wrongly."""

import schemathesis

# An empty text takes such a value away, as `null` does.
CLEARED_BY_EMPTY_TEXT = {"application_email", "application_link", "birth_date", "website"}


def is_padded(value: object) -> bool:
    """Whether white space is around a text, or one in a list. The portal takes it off before it judges."""
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and text != text.strip() for text in texts)


@schemathesis.hook
def filter_case(context, case):
    """Leaves out requests that are wrong by the letter of the document and right by its words, which as types of their own would
    burden each generated client."""
    if case.meta is None or not case.meta.generation.mode.is_negative:
        return True
    # A parameter that is left empty counts as none.
    if any(value in ("", [], {}) for value in (case.query or {}).values()):
        return False
    body = case.body if isinstance(case.body, dict) else {}
    cleared = any(body.get(field) == "" for field in CLEARED_BY_EMPTY_TEXT)
    return not cleared and not any(map(is_padded, body.values()))


@schemathesis.hook
def map_case(context, case):
    """Takes away the empty `If-Match` that schemathesis adds to requests about something else; it would be all that is refused."""
    about = case.meta and getattr(case.meta.phase.data, "parameter", None)
    if about != "If-Match" and case.headers and case.headers.get("If-Match") == "":
        del case.headers["If-Match"]
    return case
