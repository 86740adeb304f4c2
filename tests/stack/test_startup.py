"""A stack tells of its programs while it comes up."""

from loadcheck.stack.construction import embedded
from tests.pets import FOLDER, pets


async def test_each_program_is_told_of_in_the_order_in_which_they_answer() -> None:
    told: list[str] = []
    async with embedded(
        pets(gateway={"run": "{python} stack/forwarder.py {port} {url}"}), FOLDER, told.append
    ) as stack:
        names = [*stack.versions, "gateway"]
        assert [line.split()[0] for line in told] == names
        for name, line in zip(stack.versions, told, strict=False):
            assert line.startswith(f"{name} {stack.versions[name]} answers after ")
        after = [float(line.split()[-2]) for line in told]
        assert after == sorted(after)
        assert told[-1].startswith("gateway answers after ")
