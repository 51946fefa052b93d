"""All mutants of cargo-mutants in one build, each behind a number: what scripts/mutants runs.

A build for each of thousands of mutants takes days. Here a function that has mutants begins with

    match crate::mutant::of(12) { 17 => return { its body with change 17 }, 18 => return { ... }, _ => {} }

and HOGA_MUTANT=17 makes 17 what runs. The changes are those that `cargo mutants --list --json` names, put into the
text as it would. What does not compile is found by the lines of rustc's errors and taken out until the rest compiles.

Two kinds cannot be chosen while a program runs, and are left to cargo-mutants itself (`apart`): changes of constants
and of `const fn`, and those that fail only since two bodies of one function differ in the type behind its `impl Trait`.
"""

import collections
import dataclasses
import json
import os
import pathlib
import re
import subprocess

# Who is asked in each changed function. It tells which functions a test reaches, so that no other test is run for them.
SWITCH = """\
//! The mutant that is on: see scripts/mutant_switches.py.
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ON: LazyLock<u32> = LazyLock::new(|| std::env::var("HOGA_MUTANT").map_or(0, |number| number.parse().unwrap()));
static REACHED: [AtomicBool; FUNCTIONS] = [const { AtomicBool::new(false) }; FUNCTIONS];

/// Its number; 0 if none is.
pub(crate) fn of(function: usize) -> u32 {
    if *ON == 0 && !REACHED[function].swap(true, Relaxed) {
        if let Some(path) = std::env::var_os("HOGA_REACHED") {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{function}\\n").as_bytes()).unwrap();
        }
    }
    *ON
}
"""


@dataclasses.dataclass
class Mutant:
    """A change, and where it goes."""

    number: int
    name: str
    package: str
    file: str
    # Of its body: what it is in the changed tree. None if it has none that a switch could stand in.
    function: int | None = None
    body: str = ""
    # `apart`, `unviable`, or nothing yet.
    outcome: str = ""


@dataclasses.dataclass
class Function:
    number: int
    opening: int
    ending: int
    hidden: bool
    mutants: list[Mutant] = dataclasses.field(default_factory=list)


class Switches:
    """The mutants of some crates, and the tree that holds them all."""

    def __init__(self, plain: pathlib.Path, tree: pathlib.Path, crates: dict[str, str]) -> None:
        self.plain, self.tree, self.crates = plain, tree, crates
        # A changed file's text as it is; the roots declare the switch.
        roots = [f"{folder}/src/lib.rs" for folder in crates.values()]
        self.texts = {root: (plain / root).read_text(encoding="utf-8") for root in roots}
        self.functions: dict[str, dict[int, Function]] = collections.defaultdict(dict)
        self.lines: dict[str, dict[int, Mutant]] = {}
        self.hidden: dict[str, dict[int, Function]] = {}
        command = ["cargo", "mutants", "--list", "--json", *(f"--package={crate}" for crate in crates)]
        listed = subprocess.run(command, cwd=plain, check=True, capture_output=True, text=True).stdout
        self.mutants = [self.read(number, found) for number, found in enumerate(json.loads(listed), 1)]

    def read(self, number: int, found: dict) -> Mutant:
        mutant = Mutant(number, found["name"], found["package"], found["file"])
        text = self.texts.setdefault(mutant.file, (self.plain / mutant.file).read_text(encoding="utf-8"))
        if found["function"] is None:
            mutant.outcome = "apart"
            return mutant
        begin, ending = offsets(text, found["function"]["span"])
        name = found["function"]["function_name"].rsplit("::", 1)[-1]
        head = re.compile(rf"\bfn\s+{re.escape(name)}\b").search(text, begin, ending)
        opening = body(text, head.end())
        if re.search(r"\bconst\s[\w\s]*$", text[begin : head.start()]):
            mutant.outcome = "apart"
            return mutant
        of_file = self.functions[mutant.file]
        if opening not in of_file:
            count = sum(len(functions) for functions in self.functions.values())
            of_file[opening] = Function(count, opening, ending - 1, "impl " in found["function"]["return_type"])
        of_file[opening].mutants.append(mutant)
        mutant.function = of_file[opening].number
        start, end = offsets(text, found["span"])
        mutant.body = text[opening:start] + found["replacement"] + text[end : ending - 1]
        return mutant

    def write(self) -> None:
        """Puts all that have no outcome into the tree."""
        for crate, folder in self.crates.items():
            count = sum(len(functions) for functions in self.functions.values())
            switch = SWITCH.replace("FUNCTIONS", str(count))
            write(self.tree / folder / "src" / "mutant.rs", switch)
        for file, text in self.texts.items():
            self.write_file(file, text)

    def write_file(self, file: str, text: str) -> None:
        self.lines[file], self.hidden[file] = {}, {}
        pieces, at = [], 0
        line = 1

        def put(piece: str) -> None:
            nonlocal line
            pieces.append(piece)
            line += piece.count("\n")

        for function in sorted(self.functions[file].values(), key=lambda function: function.opening):
            put(text[at : function.opening])
            at, first = function.opening, line
            put(f" match crate::mutant::of({function.number}) {{\n")
            for mutant in function.mutants:
                if not mutant.outcome:
                    begin = line
                    put(f"{mutant.number} => return {{ {mutant.body}\n}},\n")
                    self.lines[file] |= dict.fromkeys(range(begin, line), mutant)
            put("_ => {} }\n")
            if function.hidden:
                last = line + text.count("\n", function.opening, function.ending)
                self.hidden[file] |= dict.fromkeys(range(first, last + 1), function)
        put(text[at:])
        if file.endswith("src/lib.rs"):
            put("\nmod mutant;\n")
        write(self.tree / file, "".join(pieces))

    def build(self, package: str, environment: dict[str, str]) -> pathlib.Path:
        """Builds a crate's unit tests with all mutants that compile; its binary."""
        while True:
            self.write()
            # Lints judge what people write.
            command = ["cargo", "test", "--profile=mutants", f"--package={package}", "--lib", "--no-run"]
            command += ["--message-format=json"]
            run = subprocess.run(command, cwd=self.tree, env=environment, capture_output=True, text=True, check=False)
            messages = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
            for message in messages:
                if message.get("executable") and message["target"]["name"] == package.replace("-", "_"):
                    return pathlib.Path(message["executable"])
            errors = [m["message"] for m in messages if m["reason"] == "compiler-message"]
            errors = [error for error in errors if error["level"] == "error" and error["spans"]]
            taken = sum(self.take_out(error) for error in errors)
            print(f"{package}: {taken} mutants do not compile", flush=True)
            if not taken:
                raise SystemExit(run.stderr + "".join(error["rendered"] for error in errors))

    def take_out(self, error: dict) -> int:
        """What the error is about; how many mutants that is."""
        for span in sorted(error["spans"], key=lambda span: not span["is_primary"]):
            while span:
                mutant = self.lines.get(span["file_name"], {}).get(span["line_start"])
                if mutant:
                    function = self.hidden[mutant.file].get(span["line_start"])
                    new = not mutant.outcome
                    mutant.outcome = "apart" if function else "unviable"
                    return new
                function = self.hidden.get(span["file_name"], {}).get(span["line_start"])
                if function:
                    new = [mutant for mutant in function.mutants if not mutant.outcome]
                    for mutant in new:
                        mutant.outcome = "apart"
                    return len(new)
                span = (span["expansion"] or {}).get("span")
        return 0


def body(text: str, at: int) -> int:
    """Where the body of a function begins whose name ends there; braces among its arguments are patterns."""
    depth = 0
    while text[at] != "{" or depth:
        depth += (text[at] in "([") - (text[at] in ")]")
        at += 1
    return at + 1


def offsets(text: str, span: dict) -> tuple[int, int]:
    """From lines and columns."""

    def offset(at: dict) -> int:
        begin = 0
        for _ in range(at["line"] - 1):
            begin = text.index("\n", begin) + 1
        return begin + at["column"] - 1

    return offset(span["start"]), offset(span["end"])


def write(path: pathlib.Path, text: str) -> None:
    """Only what differs, so that cargo builds only that."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
