"""Decodes Avro values by the project's schema files: one Python function is made from each `.avsc`.

Reads `schemas/avro/*.avsc` and the schema ids of docs/topics.md.

1. Only the schemas say how bytes are read: nothing of hoga's code is used.
2. A value is read exactly: bytes that are left over, missing, or out of an enum's range are an error.
3. Decimals are whole counts of 10^-10, times are milliseconds, enums are their names, a fixed is a whole number.

Left out on purpose: schema resolution (hoga writes every record with the schema of its id), floats and maps.
"""

import json
from pathlib import Path


class Torn(Exception):
    """The bytes are no record; the text says why."""


MAX_DECIMAL = 10**38 - 1
_PRELUDE = """
def _long(b, i):
    value = shift = 0
    for n in range(10):
        byte = b[i + n]
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                raise Torn("a number of more than 64 bits")
            return (value >> 1) ^ -(value & 1), i + n + 1
        shift += 7
    raise Torn("a number of more than ten bytes")

def _enum(names, index):
    if not 0 <= index < len(names):
        raise Torn(f"value {index} of an enum of {len(names)}")
    return names[index]

def _len(length, b, i):
    if not 0 <= length <= len(b) - i:
        raise Torn(f"a length of {length} where {len(b) - i} bytes are left")

def _wide(value, length):
    if not 1 <= length <= 16 or not -MAX_DECIMAL <= value <= MAX_DECIMAL:
        raise Torn("a decimal of more than 38 digits, or of none")
"""


class Schema:
    """A record's schema: its name, the names of its fields behind `origin`, and its decoder."""

    def __init__(self, definition):
        self.name = definition["name"]
        self.fields = tuple(f["name"] for f in definition["fields"] if f["name"] != "origin")
        #: The names within a field that is a record of its own.
        self.parts = {
            f["name"]: tuple(part["name"] for part in f["type"]["fields"])
            for f in definition["fields"]
            if isinstance(f["type"], dict) and "fields" in f["type"]
        }
        #: `decode(bytes, at)`: the fields as a tuple; from the value's end on nothing may follow.
        self.decode = _compile(definition)


def load(folder):
    """All schemas of a folder, by name, and the decoder of `origin`, with which each begins."""
    definitions = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.avsc"))]
    origins = {json.dumps(definition["fields"][0]) for definition in definitions}
    if len(origins) != 1:
        raise ValueError(f"{folder}: the schemas do not all begin with the same origin")
    schemas = {definition["name"]: Schema(definition) for definition in definitions}
    return schemas, _compile_origin(definitions[0]["fields"][0])


def _compile_origin(field):
    """`origin(bytes, at)`: the tuple (machine, partition, epoch, cause, number, hash) or None, and where it ends."""
    maker = _Maker()
    value = maker.read(field["type"])
    return maker.function("origin", "i > len(b)", "a record of %d bytes", f"({value}, i)")


def _compile(definition):
    """A decoder of the fields behind `origin`."""
    maker = _Maker()
    names = []
    for field in definition["fields"]:
        if field["name"] == "origin":
            maker.learn(field["type"])
        else:
            names.append(maker.read(field["type"]))
    result = "(" + "".join(name + ", " for name in names) + ")"
    return maker.function(definition["name"], "i != len(b)", "%d bytes where the record ends otherwise", result)


class _Maker:
    """Writes the statements that read one value after the other."""

    def __init__(self):
        self.lines, self.constants, self.named, self.count, self.indent = [], {}, {}, 0, ""

    def function(self, name, wrong, complaint, result):
        """The function of what was written: it gives `result`, and refuses what is `wrong` behind it."""
        body = "\n".join("        " + line for line in self.lines)
        source = f"""{_PRELUDE}
def decode(b, i):
    try:
{body}
    except IndexError:
        raise Torn("the bytes end within a field") from None
    if {wrong}:
        raise Torn("{complaint}" % len(b))
    return {result}
"""
        scope = {"Torn": Torn, "MAX_DECIMAL": MAX_DECIMAL, **self.constants}
        exec(compile(source, f"<{name}>", "exec"), scope)  # made of our own schema files alone
        return scope["decode"]

    def learn(self, kind):
        """Notes the named types within a type that is not read."""
        if isinstance(kind, list):
            for branch in kind:
                self.learn(branch)
        elif isinstance(kind, dict):
            if "name" in kind:
                self.named[kind["name"]] = kind
            for field in kind.get("fields", []):
                self.learn(field["type"])

    def put(self, *lines):
        self.lines += [self.indent + line for line in lines]

    def variable(self):
        self.count += 1
        return f"v{self.count}"

    def long(self, name):
        self.put(
            f"{name} = b[i]",
            f"if {name} < 128: {name} = ({name} >> 1) ^ -({name} & 1); i += 1",
            f"else: {name}, i = _long(b, i)",
        )

    def read(self, kind):
        """Writes the statements that read a value; the name of the variable that has it then."""
        kind = self.named.get(kind, kind) if isinstance(kind, str) else kind
        if isinstance(kind, list):
            return self.optional(kind)
        name = kind if isinstance(kind, str) else kind["type"]
        if name in ("string", "bytes", "enum", "array", "record", "fixed"):
            self.learn(kind)
            return getattr(self, name)(kind)
        variable = self.variable()
        if name in ("long", "int"):
            self.long(variable)
        elif name == "boolean":
            self.put(f"{variable} = b[i]", "i += 1", f"if {variable} > 1: raise Torn('a boolean of {{}}')")
            self.put(f"{variable} = {variable} == 1")
        else:
            raise ValueError(f"the schemas have no {name}")
        return variable

    def optional(self, kind):
        if len(kind) != 2 or kind[0] != "null":
            raise ValueError(f"the schemas have no union {kind}")
        result, index = self.variable(), self.variable()
        self.put(f"{index} = b[i]", "i += 1", f"if {index} == 0: {result} = None", f"elif {index} == 2:")
        self.indent += "    "
        value = self.read(kind[1])
        self.put(f"{result} = {value}")
        self.indent = self.indent[4:]
        self.put("else: raise Torn('a union of two has no such branch')")
        return result

    def take(self, kind):
        length, value = self.variable(), self.variable()
        self.long(length)
        self.put(f"if not 0 <= {length} <= len(b) - i: _len({length}, b, i)")
        return length, value

    def string(self, _kind):
        length, value = self.take("string")
        self.put(
            f"try: {value} = b[i:i + {length}].decode()",
            "except UnicodeDecodeError: raise Torn('a text that is not UTF-8') from None",
            f"i += {length}",
        )
        return value

    def bytes(self, kind):
        length, value = self.take("bytes")
        if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
            self.put(f"{value} = from_bytes(b[i:i + {length}], 'big', signed=True)")
            self.put(f"if not 1 <= {length} <= 15: _wide({value}, {length})")
            self.constants["from_bytes"] = int.from_bytes
        else:
            self.put(f"{value} = b[i:i + {length}]")
        self.put(f"i += {length}")
        return value

    def enum(self, kind):
        names = f"E_{kind['name']}"
        # Avro's names have no hyphen; the topics and machines that these stand for do.
        symbols = kind["symbols"]
        if kind["name"] in ("MachineKind", "Topic"):
            symbols = [symbol.replace("_", "-") for symbol in symbols]
        self.constants[names] = tuple(symbols)
        variable = self.variable()
        self.long(variable)
        self.put(f"{variable} = _enum({names}, {variable})")
        return variable

    def fixed(self, kind):
        value, size = self.variable(), kind["size"]
        self.put(f"_len({size}, b, i)", f"{value} = from_bytes(b[i:i + {size}], 'big')", f"i += {size}")
        self.constants["from_bytes"] = int.from_bytes
        return value

    def record(self, kind):
        names = [self.read(field["type"]) for field in kind["fields"]]
        value = self.variable()
        self.put(f"{value} = ({', '.join(names)},)")
        return value

    def array(self, kind):
        items, count, index = self.variable(), self.variable(), self.variable()
        self.put(f"{items} = []", "while True:")
        self.indent += "    "
        self.long(count)
        self.put(f"if {count} == 0: break", f"if {count} < 0:")
        self.put(f"    {count} = -{count}; {index}, i = _long(b, i)")
        self.put(f"if {count} > len(b): raise Torn('an array of more items than bytes')")
        self.put(f"for {index} in range({count}):")
        self.indent += "    "
        item = self.read(kind["items"])
        self.put(f"{items}.append({item})")
        self.indent = self.indent[8:]
        self.put(f"{items} = tuple({items})")
        return items
