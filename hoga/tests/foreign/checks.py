"""One line for each thing that is looked at, and what was found otherwise."""

failed = []


def check(what, found, expected=True):
    good = found == expected
    shown = "" if good else f"\n    found    {str(found)[:600]}\n    expected {str(expected)[:600]}"
    print(f"  {'ok' if good else 'FAILED':<7} {what}{shown}", flush=True)
    if not good:
        failed.append(what)
