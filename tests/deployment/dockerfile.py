"""The Dockerfile, read as its builder reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

_COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n\s*")
_VARIABLE = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True)
class Instruction:
    """One of them: `name` such as RUN, `text` without line breaks."""

    name: str
    text: str

    def words(self) -> list[str]:
        """The arguments that are no flags."""
        return [word for word in self.text.split() if not word.startswith("--")]

    def exec_form(self) -> list[str]:
        """The command of CMD, ENTRYPOINT or HEALTHCHECK; ValueError if it is one for a shell."""
        return [str(word) for word in json.loads(self.text[self.text.index("[") :])]


@dataclass
class Stage:
    """From one FROM to the next."""

    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def one(self, name: str) -> Instruction:
        [instruction] = self.all(name)
        return instruction

    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        found = [match for each in self.all("ENV") for match in _VARIABLE.finditer(each.text)]
        return {match[1]: match[2] or match[3] for match in found}


@dataclass
class Dockerfile:
    """Its arguments and its stages, the last of which is the image."""

    arguments: dict[str, str]
    stages: list[Stage]

    @classmethod
    def read(cls, path: Path = ROOT / "Dockerfile") -> Dockerfile:
        found = cls({}, [])
        for line in _CONTINUED.sub("", _COMMENT.sub("", path.read_text())).splitlines():
            name, _, text = line.partition(" ")
            if name == "FROM":
                found.stages.append(Stage(text.partition(" AS ")[2]))
            elif name == "ARG" and not found.stages:
                found.arguments |= {match[1]: match[3] for match in _VARIABLE.finditer(text)}
            elif name:
                found.stages[-1].instructions.append(Instruction(name, text))
        return found
