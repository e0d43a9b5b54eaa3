"""Numbers have no gap and no double, whatever rolls back and whoever writes beside."""

from __future__ import annotations

import threading

from flask import Flask

from core.extensions import db
from core.machinery.numbering.services import next_number


def test_a_series_counts_up_under_its_prefix(app: Flask) -> None:
    with app.app_context():
        numbers = [next_number("DF-YQW-202611-") for _time in range(3)]
        assert numbers == ["DF-YQW-202611-0001", "DF-YQW-202611-0002", "DF-YQW-202611-0003"]
        assert next_number("DF-HPY-202611-") == "DF-HPY-202611-0001"
        db.session.commit()


def test_a_number_that_was_rolled_back_is_given_again(app: Flask) -> None:
    with app.app_context():
        assert next_number("YF-") == "YF-0001"
        db.session.commit()
        assert next_number("YF-") == "YF-0002"
        db.session.rollback()
        assert next_number("YF-") == "YF-0002"
        db.session.commit()


def test_a_serial_longer_than_its_width_is_not_cut(app: Flask) -> None:
    with app.app_context():
        for _time in range(9):
            next_number("X-", width=1)
        assert next_number("X-", width=1) == "X-10"
        db.session.commit()


def test_twenty_parallel_writers_leave_no_gap_and_no_double(app: Flask) -> None:
    """Each gives back every third number by a rollback; what is committed is 1, 2, 3 … all the same."""
    writers, turns = 20, 6
    given: list[str] = []
    errors: list[Exception] = []
    together = threading.Barrier(writers)

    def write() -> None:
        try:
            together.wait(timeout=30)
            for turn in range(turns):
                with app.app_context():
                    number = next_number("P-")
                    if turn % 3 == 2:
                        db.session.rollback()
                        continue
                    db.session.commit()
                    given.append(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors
    assert sorted(given) == [f"P-{serial:04d}" for serial in range(1, writers * turns * 2 // 3 + 1)]
