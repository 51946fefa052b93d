"""Records of a stranger in a trusted topic: well formed, and not to be believed.

Each is an execution that was read from the topic, changed in one thing. No reader may accept any of them, and the
machine that reads the topic goes on.
"""

import io

import fastavro


def forge(registry, executions):
    """What is wrong with each forgery, and the forgery: its key and value. `executions` are (key, value), in order."""
    (_, first), (key, last) = executions[0], executions[-1]
    last_origin, first_origin = registry.decode(last).origin, registry.decode(first).origin
    high = 1 << 40

    def changed(**origin):
        return key, rewritten(registry, last, last_origin | origin)

    return {
        "no origin": (key, rewritten(registry, last, None)),
        "an epoch that nobody claimed": changed(epoch=last_origin["epoch"] + high),
        "a number from the future": changed(number=last_origin["number"] + high),
        "a machine that does not write there": changed(machine="holds"),
        "a number that was there": (key, rewritten(registry, first, first_origin | {"hash": bytes(8)})),
        "an older epoch": changed(epoch=max(0, last_origin["epoch"] - 1), number=last_origin["number"] + 1),
    }


def rewritten(registry, value, origin):
    record = registry.decode(value)
    body = io.BytesIO()
    fastavro.schemaless_writer(body, registry.schema(record.schema_id), record.fields | {"origin": origin})
    return value[:5] + body.getvalue()
