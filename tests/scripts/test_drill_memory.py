"""How the drill judges growing memory: each process for itself, from its first minute on."""

from drilling.memory import Memory


def looks(*looks: tuple[float, int, float]) -> Memory:
    """Return what looks at a worker come to: seconds, process id, megabytes."""
    memory = Memory()
    for now, pid, resident in looks:
        memory.note("orders", pid, resident, now)
    return memory


def test_growth_counts_from_the_first_minute_of_a_process_on() -> None:
    memory = looks((0, 7, 80.0), (59, 7, 150.0), (60, 7, 160.0), (600, 7, 209.0))

    assert memory.growth() == []
    assert memory.as_json()["orders"] == {"processes": 1, "first": 80.0, "last": 209.0, "max": 209.0, "growth": 49.0}


def test_a_process_that_goes_on_growing_is_named() -> None:
    memory = looks((0, 7, 80.0), (60, 7, 90.0), (600, 7, 141.0))

    assert [sentence.startswith("the orders process 7 held 141 MB") for sentence in memory.growth()] == [True]


def test_a_new_process_is_never_compared_with_the_one_before() -> None:
    memory = looks((0, 7, 60.0), (60, 7, 60.0), (61, 8, 130.0), (100, 8, 140.0))

    assert memory.growth() == []
    assert memory.as_json()["orders"] == {"processes": 2, "first": 130.0, "last": 140.0, "max": 140.0, "growth": 0.0}


def test_a_process_that_grew_is_named_although_it_was_killed_since() -> None:
    memory = looks((0, 7, 60.0), (60, 7, 60.0), (120, 7, 200.0), (121, 8, 60.0))

    assert len(memory.growth()) == 1
