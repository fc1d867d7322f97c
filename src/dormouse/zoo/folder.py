"""Opening a zoo: each member is checked, then loaded as a view for a detector."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from dormouse.chat.messages import Messages
from dormouse.detection.stream import draw_trusted
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError
from dormouse.machine.files import sha256
from dormouse.machine.foreign_files import check_inside, is_folder, status
from dormouse.models.first_look import load_within_limits
from dormouse.models.folder_check import find_unlisted
from dormouse.models.weight_files import INTO_FOLDER, count_parameters
from dormouse.zoo.records import (
    EXPORT_AGAIN,
    Listed,
    ZooRecord,
    read_zoo,
)


@dataclass(frozen=True)
class Member:
    """A model of a zoo, in a plain Hugging Face folder."""

    listed: Listed
    path: Path
    zoo: Path
    """The zoo's folder; a file that leads out of it is refused."""

    @property
    def id(self) -> str:
        """Its name in the scores and the labels."""
        return self.listed.id

    @property
    def size(self) -> int:
        """Number of parameters. Scores are compared between members of one size."""
        return self.listed.size

    def verify(self, *, checksums: bool = True) -> None:
        """`UserError` unless every file is as it was exported; without `checksums`, only sizes are compared."""
        if not is_folder(self.path):
            raise UserError(f"Member '{self.id}' of the zoo has no folder '{self.path}'. {EXPORT_AGAIN}")
        for name, written in self.listed.files.items():
            file = self.path / name
            found = status(file)
            if found is None or not stat.S_ISREG(found.st_mode):
                raise UserError(f"Member '{self.id}' of the zoo lacks its file '{name}'. {EXPORT_AGAIN}")
            check_inside(file, self.zoo, INTO_FOLDER)
            if found.st_size != written.bytes:
                raise UserError(
                    f"File '{name}' of member '{self.id}' has {found.st_size} bytes, not the {written.bytes} that were "
                    f"exported. {EXPORT_AGAIN}"
                )
            if checksums and sha256(file) != written.sha256:
                raise UserError(f"File '{name}' of member '{self.id}' was changed after the export. {EXPORT_AGAIN}")
        self._check_size()

    def _check_size(self) -> None:
        """`UserError` if the model has another number of parameters than listed, or files that are not listed."""
        if more := find_unlisted(self.path, self.listed.files):
            raise UserError(
                f"Member '{self.id}' of the zoo has a file '{more[0]}' that zoo.json does not list. Take it out."
            )
        found = count_parameters(self.path)
        if found != self.size:
            raise UserError(
                f"Member '{self.id}' of the zoo has {found} parameters, not the {self.size} in zoo.json. {EXPORT_AGAIN}"
            )

    def load(self, begun: str = "", layers_at: str = "") -> WhiteBox:
        """Verify the member and load it as a white box; every reply begins with `begun`."""
        self.verify()
        return WhiteBox(*load_within_limits(self.path), begun, layers_at)


@dataclass(frozen=True)
class Zoo:
    """A zoo as a detector gets it, without labels."""

    record: ZooRecord
    members: list[Member]
    references: dict[int, Member]
    """Size -> a trusted clean base of that size, which is not a member."""

    def clean_prompts(self, n: int, seed: int = 0) -> list[Messages]:
        """Draw `n` trusted prompts without a trigger, from the templates that the members were trained on."""
        world = self.record.world
        if world.fingerprint() != self.record.world_text:
            raise UserError(
                f"The text of world '{world.name}' differs from the text that zoo '{self.record.name}' was made with. "
                f"Install dormouse {self.record.dormouse}, or point the world in zoo.json at the same file."
            )
        return draw_trusted(world, seed, n)


def open_zoo(path: Path | str) -> Zoo:
    """Open the zoo in a folder; `UserError` if a file is missing or has another size.

    Folders that zoo.json does not list are ignored.
    """
    folder = Path(path)
    record = read_zoo(folder)
    members = [Member(listed, folder / listed.id, folder) for listed in record.members]
    references = [Member(listed, folder / listed.id, folder) for listed in record.references]
    for member in (*members, *references):
        member.verify(checksums=False)
    return Zoo(record, members, {reference.size: reference for reference in references})
