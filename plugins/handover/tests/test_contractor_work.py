"""What a contractor does on the page of a notice after its receipt: repairs with photos, objections, the reply."""

from __future__ import annotations

import pytest

from core.testing import repeated_ids
from core.toolkit import attachments_of, db
from plugins.handover import services
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import RectificationNotice
from plugins.handover.tests.conftest import jpeg
from plugins.handover.tests.test_contractor_page import (  # noqa: F401 (fixtures)
    enter,
    issued,
    linked,
    ticket,
)


@pytest.fixture
def page(issued, linked, client, monkeypatch):  # noqa: F811 (fixtures)
    """A function that posts a step on the page of the notice and returns the answer; the receipt is confirmed."""
    where, _answer = enter(client, linked())

    def post(step, **values):
        shown = client.get(where).get_data(as_text=True)
        data = {"ticket": ticket(shown, monkeypatch), "website": "", "step": step, **values}
        return client.post(where, data=data, content_type="multipart/form-data")

    assert post("receive", receiver_name="方国强").status_code == 303
    post.shown = lambda: client.get(where).get_data(as_text=True)
    return post


def line(key):
    db.session.expire_all()
    return db.session.get_one(RectificationNotice, key).lines[0]


def test_he_reports_a_repair_with_its_photo_and_reads_what_the_re_inspection_found(
    issued,  # noqa: F811
    page,
    scope_of,
):
    with scope_of("admin", "group"):
        defect = line(issued).defect.id
    refused = page("fix", defect=str(defect), measure="更换门板")
    assert refused.status_code == 422
    assert repeated_ids(refused.text) == []
    assert refused.text.count('class="form-errors"') == 1
    assert "整改后照片" in refused.text and "更换门板" in refused.text
    place, said = refused.text.index(f'id="defect-{defect}"'), refused.text.index('class="form-errors"')
    assert place < said < refused.text.index("更换门板"), "what is wrong is said where it was typed"
    strange = page("fix", defect=str(defect + 999), measure="更换门板")
    assert strange.status_code == 422
    assert strange.text.index('class="form-errors"') < strange.text.index(f'id="defect-{defect}"')
    assert (
        page("fix", defect=str(defect), measure="更换门板", photos=(jpeg(), "after.jpg")).status_code == 303
    )
    with scope_of("admin", "group"):
        fixed = line(issued).defect
        assert (fixed.state, fixed.fix_measure, len(attachments_of(fixed, "after"))) == (
            "fixed",
            "更换门板",
            1,
        )
        services.reject_defect(fixed, "仍有划痕")
        db.session.commit()
    shown = page.shown()
    assert "仍有划痕" in shown and "第 1 次复验" in shown and "visit-photos" in shown
    assert page("fix", defect=str(defect), measure="重新打磨").status_code == 303
    assert page("reply", reply="已全部整改").status_code == 303
    with scope_of("admin", "group"):
        notice = db.session.get_one(RectificationNotice, issued)
        assert (notice.state, notice.reply_text) == ("replied", "已全部整改")


def test_he_refuses_with_a_reason_and_reads_the_answer(issued, page, scope_of, sign_in):  # noqa: F811
    with scope_of("admin", "group"):
        defect = line(issued).defect.id
    assert page("object", defect=str(defect), reason=" ").status_code == 422
    assert page("object", defect=str(defect), reason="此门由业主更换").status_code == 303
    assert page("object", defect=str(defect), reason="再次说明").status_code == 422
    staff = sign_in("admin", "group")
    record = staff.get(f"/admin/handover/notices/details/?id={issued}").text
    assert "此门由业主更换" in record
    answer = f"/admin/handover/notices/answer-objection/?id={issued}"
    assert (
        staff.post(answer, data={"defect_id": str(defect), "answer": " ", "upheld": "0"}).status_code == 303
    )
    with scope_of("admin", "group"):
        assert line(issued).objection_upheld is None
    staff.post(answer, data={"defect_id": str(defect), "answer": "更换前已有划痕，请整改", "upheld": "0"})
    with scope_of("admin", "group"):
        assert line(issued).objection_upheld is False
        with pytest.raises(HandoverRuleError, match="待答复"):
            services.answer_objection(line(issued), "再答", True)
    assert "更换前已有划痕" in page.shown()
