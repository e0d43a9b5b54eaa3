"""Signing in, and what keeps guessers out."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask
from flask_mail import Mail
from passlib.totp import TOTP

from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.people import sign_in as sign_in_module
from core.people.models import User
from core.people.sign_in_guards import FREE_FAILURES, LONGEST_DELAY, delay_after
from core.testing import PASSWORD, StaffClient, World, as_system, build_world, totp_code


def log_in(client: StaffClient, name: str, password: str = PASSWORD, **more: str):
    return client.post("/login", data={"email": f"{name}@test.example", "password": password, **more})


def is_in(client: StaffClient) -> bool:
    return client.get("/admin/account/").status_code == 200


def actions(system: Callable) -> list[str]:
    with system():
        return list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


@pytest.fixture(scope="module")
def full_app(app_settings: dict, create_database: Callable[[], str]) -> Iterator[Flask]:
    """A second application with rate limits and e-mail, and a world that all its tests share."""
    from core.app import create_app
    from core.testing.fixtures import _with_states

    settings = {
        **app_settings,
        "DATABASE_URL": create_database(),
        "RATE_LIMITS": True,
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_SUPPRESS_SEND": True,
    }
    for app in _with_states(create_app(settings)):
        with as_system(app):
            build_world()
        yield app


# The usual way


def test_signing_in_and_out(world: World, client: StaffClient, system: Callable) -> None:
    assert not is_in(client)
    answer = log_in(client, "engineer")
    assert (answer.status_code, answer.location) == (302, "/admin/")
    assert is_in(client)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302
    assert not is_in(client)
    assert [each for each in actions(system) if each.startswith("sign")] == ["signed_in", "signed_out"]
    with system():
        assert world.user("engineer").last_sign_in_at is not None


def test_the_address_is_found_whatever_its_writing(world: World, client: StaffClient) -> None:
    assert (
        client.post("/login", data={"email": " Engineer@TEST.example ", "password": PASSWORD}).status_code
        == 302
    )


def text_of(page: str) -> str:
    page = re.sub(r'(name|id|value|content)="[^"]*"', "", page)
    return re.sub(r"\b[0-9a-f]{12}\b|[\w.]+@test.example", "", page)


def test_a_wrong_password_and_an_unknown_address_look_alike(world: World, client: StaffClient) -> None:
    wrong = log_in(client, "engineer", "wrong-Password-123")
    unknown = log_in(client, "unknown", "wrong-Password-123")
    assert wrong.status_code == unknown.status_code == 200
    assert text_of(wrong.text) == text_of(unknown.text)
    assert "邮箱、密码或验证码不正确" in wrong.text


def test_a_deactivated_account_looks_like_a_wrong_password(
    world: World, client: StaffClient, system: Callable
) -> None:
    with system():
        world.user("engineer").active = False
        db.session.commit()
    answer = log_in(client, "engineer")
    assert text_of(answer.text) == text_of(log_in(client, "unknown").text)
    assert not is_in(client)


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/",
        "//evil.example/",
        "http:evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    ],
)
def test_the_way_back_stays_on_this_site(target: str, world: World, client: StaffClient) -> None:
    answer = client.post(
        "/login",
        query_string={"next": target},
        data={"email": "engineer@test.example", "password": PASSWORD, "next": target},
    )
    assert answer.status_code in (200, 302, 400)
    assert re.match(r"/([^/\\]|$)", answer.location or "/")


def test_a_form_without_token_is_refused(world: World, client: StaffClient) -> None:
    client.sends_csrf = False
    assert log_in(client, "engineer").status_code == 400
    assert not is_in(client)


def test_tokens_in_headers_and_addresses_are_no_way_in(
    world: World, client: StaffClient, app_context_user: str
) -> None:
    for page in (
        client.get("/admin/account/", headers={"Authentication-Token": app_context_user}),
        client.get("/admin/account/", query_string={"auth_token": app_context_user}),
    ):
        assert page.status_code == 302


@pytest.fixture
def app_context_user(running_app: Flask, world: World) -> str:
    """A valid token as Flask-Security would issue it."""
    with running_app.test_request_context():
        return world.user("engineer").get_auth_token()


def test_json_is_not_spoken(world: World, client: StaffClient) -> None:
    answer = client.post("/login", json={"email": "engineer@test.example", "password": PASSWORD})
    assert not answer.is_json


def test_nobody_registers_himself(client: StaffClient, running_app: Flask) -> None:
    rules = {rule.rule for rule in running_app.url_map.iter_rules() if rule.endpoint.startswith("security.")}
    assert not rules & {"/register", "/confirm", "/us-signin", "/wan-register", "/reset"}
    assert client.get("/reset").status_code == 404


def test_the_session_ends_after_a_working_day(world: World, sign_in: Callable) -> None:
    client = sign_in("engineer")
    with client.session_transaction() as held:
        held["fs_paa"] = time.time() - sign_in_module.SESSION_HOURS * 3600 - 1
    assert not is_in(client)


# Delays


def test_delays_double_up_to_a_quarter_of_an_hour() -> None:
    seconds = [delay_after(failures).total_seconds() for failures in range(FREE_FAILURES + 12)]
    assert seconds[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert seconds[FREE_FAILURES : FREE_FAILURES + 4] == [5, 10, 20, 40]
    assert seconds[-1] == LONGEST_DELAY.total_seconds()
    assert delay_after(10**6) == LONGEST_DELAY


def test_failures_delay_the_account_and_time_opens_it_again(
    world: World, client: StaffClient, system: Callable
) -> None:
    for _attempt in range(FREE_FAILURES):
        log_in(client, "engineer", "wrong-Password-123")
    right = log_in(client, "engineer")
    assert right.status_code == 200
    assert text_of(right.text) == text_of(log_in(client, "unknown").text)
    assert not is_in(client)
    with system():
        user = world.user("engineer")
        assert user.failed_sign_ins == FREE_FAILURES, "attempts during the delay are not counted"
        assert user.locked_until is not None
        user.locked_until = utc_now() - dt.timedelta(seconds=1)
        db.session.commit()
    assert log_in(client, "engineer").status_code == 302
    with system():
        user = world.user("engineer")
        assert (user.failed_sign_ins, user.locked_until) == (0, None)
    assert actions(system).count("sign_in_failed") == FREE_FAILURES


def test_the_delay_also_holds_for_the_password_asked_again(
    world: World, sign_in: Callable, system: Callable
) -> None:
    client = sign_in("engineer")
    for _attempt in range(FREE_FAILURES):
        client.post("/verify", data={"password": "wrong-Password-123"})
    assert client.post("/verify", data={"password": PASSWORD}).status_code == 200
    other = sign_in("service")
    for _attempt in range(FREE_FAILURES):
        other.post(
            "/change",
            data={
                "password": "wrong",
                "new_password": "paper-Lantern-81-ferry",
                "new_password_confirm": "paper-Lantern-81-ferry",
            },
        )
    with system():
        assert world.user("engineer").failed_sign_ins == FREE_FAILURES
        assert world.user("service").failed_sign_ins == FREE_FAILURES


@pytest.fixture
def limits(full_app: Flask) -> Iterator[StaffClient]:
    """A browser on an application with rate limits."""
    full_app.extensions[sign_in_module.LIMITER_KEY].reset()
    yield full_app.test_client()
    full_app.extensions[sign_in_module.LIMITER_KEY].reset()


def test_an_address_that_fails_often_has_to_wait(limits: StaffClient) -> None:
    client = limits
    codes = [log_in(client, f"unknown{number}").status_code for number in range(22)]
    assert codes[:20] == [200] * 20
    assert codes[20:] == [429, 429]
    elsewhere = client.post(
        "/login",
        data={"email": "engineer@test.example", "password": PASSWORD},
        environ_overrides={"REMOTE_ADDR": "10.9.8.7"},
    )
    assert elsewhere.status_code == 302


def test_success_costs_nothing(limits: StaffClient) -> None:
    client = limits
    for _time in range(25):
        assert log_in(client, "engineer").status_code == 302
        client.post("/logout")


# The second factor


def test_the_second_factor_is_asked_and_each_code_works_once(
    world: World, client: StaffClient, running_app: Flask, system: Callable
) -> None:
    assert log_in(client, "admin").location.startswith("/tf-validate")
    assert not is_in(client)
    code = totp_code(running_app, world.users["admin"])
    assert client.post("/tf-validate", data={"code": "000000"}).status_code == 200
    assert client.post("/tf-validate", data={"code": code}).status_code == 302
    assert is_in(client)

    second = running_app.test_client()
    log_in(second, "admin")
    assert second.post("/tf-validate", data={"code": code}).status_code == 200
    assert not is_in(second)
    assert actions(system).count("signed_in") == 1
    assert "two_factor_set_up" not in actions(system)


def test_wrong_codes_delay_the_account(world: World, client: StaffClient, running_app: Flask) -> None:
    log_in(client, "admin")
    for _attempt in range(FREE_FAILURES):
        client.post("/tf-validate", data={"code": "000000"})
    assert (
        client.post("/tf-validate", data={"code": totp_code(running_app, world.users["admin"])}).status_code
        == 200
    )
    assert not is_in(client)


def test_a_role_that_demands_it_leads_to_the_setup(
    world: World, client: StaffClient, system: Callable, running_app: Flask
) -> None:
    with system():
        user = world.user("admin")
        user.tf_totp_secret = user.tf_primary_method = None
        db.session.commit()
    assert log_in(client, "admin").location.endswith("/tf-setup")
    assert not is_in(client)
    page = client.post("/tf-setup", data={"setup": "authenticator"})
    assert page.status_code == 200
    assert "data:image/svg+xml" in page.text
    assert client.post("/tf-setup", data={"setup": "email"}).status_code == 200
    assert client.post("/tf-setup", data={"setup": "disable"}).status_code == 200
    client.post("/tf-setup", data={"setup": "authenticator"})
    with client.session_transaction() as held:
        secret = held["tf_totp_secret"]
    code = running_app.extensions["security"].totp_factory.generate_totp_password(secret)
    assert client.post("/tf-validate", data={"code": code}).status_code == 302
    assert is_in(client)
    assert "two_factor_set_up" in actions(system)


def test_whoever_may_choose_can_switch_it_on_and_off(
    world: World, sign_in: Callable, running_app: Flask, system: Callable
) -> None:
    client = sign_in("engineer")
    page = client.post("/tf-setup", data={"setup": "authenticator"})
    state = re.search(r'action="(/tf-setup/[^"]+)"', page.text)
    assert state is not None
    with client.session_transaction() as held:
        secret = held["tf_totp_secret"]
    code = running_app.extensions["security"].totp_factory.generate_totp_password(secret)
    assert client.post(state[1], data={"code": code}).status_code == 302
    with system():
        assert world.user("engineer").tf_totp_secret
    assert client.post("/tf-setup", data={"setup": "disable"}).status_code == 302
    with system():
        assert world.user("engineer").tf_totp_secret is None
    assert {"two_factor_set_up", "two_factor_removed"} <= set(actions(system))


def test_whoever_must_have_it_cannot_switch_it_off(world: World, sign_in: Callable, system: Callable) -> None:
    assert sign_in("admin").post("/tf-setup", data={"setup": "disable"}).status_code == 200
    with system():
        assert world.user("admin").tf_totp_secret


def test_recovery_codes_work_once_and_are_stored_encrypted(
    world: World, sign_in: Callable, running_app: Flask, system: Callable
) -> None:
    page = sign_in("admin").post("/mf-recovery-codes", data={})
    codes = re.findall(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}", page.text)
    assert len(set(codes)) == 10
    with system():
        assert not set(codes) & set(world.user("admin").mf_recovery_codes or ())
    for expected in (302, 200):
        client = running_app.test_client()
        log_in(client, "admin")
        client.post("/tf-rescue", data={"help_setup": "recovery_code"})
        assert client.post("/mf-recovery", data={"code": codes[0]}).status_code == expected


def test_no_code_is_sent_by_mail(world: World, client: StaffClient) -> None:
    log_in(client, "admin")
    for choice in ("email", "help"):
        page = client.post("/tf-rescue", data={"help_setup": choice})
        assert page.status_code == 200
        assert not is_in(client)


# Freshness


def test_delicate_changes_need_a_password_given_lately(
    world: World, sign_in: Callable, system: Callable
) -> None:
    client = sign_in("admin")
    grant = (f"/admin/users/grant/?id={world.users['service']}", {
        "role_id": world.roles["head"], "department_id": world.departments["group"],
    })  # fmt: skip
    with client.session_transaction() as held:
        held["fs_paa"] = time.time() - 16 * 60
    answer = client.post(grant[0], data=grant[1])
    assert answer.status_code == 302
    assert answer.location.startswith("/verify")
    with system():
        assert len(world.user("service").memberships) == 1
    assert client.post("/verify", data={"password": PASSWORD}).status_code == 302
    assert client.post(grant[0], data=grant[1]).status_code == 303
    with system():
        assert len(world.user("service").memberships) == 2


def test_a_session_at_another_address_is_no_longer_fresh(world: World, sign_in: Callable) -> None:
    client = sign_in("admin")
    target = f"/admin/users/two-factor/?id={world.users['service']}"
    elsewhere = {"environ_overrides": {"REMOTE_ADDR": "10.9.8.7"}}
    assert client.get("/admin/account/", **elsewhere).status_code == 200
    assert client.post(target, **elsewhere).location.startswith("/verify")


# Forgotten passwords


def test_a_reset_link_works_once_within_half_an_hour(
    full_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail: Mail = full_app.extensions["mail"]
    client = full_app.test_client()
    with mail.record_messages() as outbox:
        known = client.post("/reset", data={"email": "engineer@test.example"})
        unknown = client.post("/reset", data={"email": "unknown@test.example"})
    assert text_of(known.text) == text_of(unknown.text)
    assert [message.recipients for message in outbox] == [["engineer@test.example"]]
    link = re.search(r"/reset/[\w.-]+", outbox[0].body)
    assert link is not None
    new = {"password": "paper-Lantern-81-ferry", "password_confirm": "paper-Lantern-81-ferry"}
    weak = client.post(link[0], data={"password": "password1234", "password_confirm": "password1234"})
    assert weak.status_code == 200
    with monkeypatch.context() as patched:
        now = time.time()
        patched.setattr("itsdangerous.timed.time.time", lambda: now + 31 * 60)
        assert client.post(link[0], data=new).location.endswith("/reset")
    assert client.post(link[0], data=new).location.endswith("/login")
    assert client.post(link[0], data=new).location.endswith("/reset")
    assert log_in(client, "engineer").status_code == 200
    assert log_in(client, "engineer", new["password"]).status_code == 302
    client.post("/logout")


def test_a_dead_mail_server_tells_nothing(full_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_arguments: object, **_options: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("flask_mail.Mail.send", dead)
    monkeypatch.setattr("flask_mail._MailMixin.send", dead)
    client = full_app.test_client()
    known = client.post("/reset", data={"email": "engineer@test.example"})
    unknown = client.post("/reset", data={"email": "unknown@test.example"})
    assert known.status_code == 200
    assert text_of(known.text) == text_of(unknown.text)


# Settings of Flask-Security and its texts


def test_the_settings_that_guards_ask_for(running_app: Flask) -> None:
    config = running_app.config
    assert config["SECURITY_PASSWORD_SCHEMES"] == ["argon2"]
    assert config["SECURITY_PASSWORD_LENGTH_MIN"] >= 12
    assert config["SECURITY_RETURN_GENERIC_RESPONSES"] is True
    assert config["SECURITY_TWO_FACTOR_RESCUE_EMAIL"] is False
    assert config["SECURITY_MULTI_FACTOR_RECOVERY_CODES"] is True
    assert config["SECURITY_FRESHNESS"] == dt.timedelta(minutes=15)
    assert config["SECURITY_RESET_PASSWORD_WITHIN"] == dt.timedelta(minutes=30)
    assert config["SECURITY_PHONE_REGION_DEFAULT"] == "CN"
    assert config["WTF_CSRF_TIME_LIMIT"] is None
    assert config["WTF_CSRF_CHECK_DEFAULT"] is True
    assert config["SESSION_COOKIE_HTTPONLY"] is True
    assert config["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert "users" not in running_app.cli.commands


def test_every_text_of_flask_security_is_translated(running_app: Flask) -> None:
    domain = running_app.extensions["security"].i18n_domain
    with running_app.test_request_context(headers={"Accept-Language": "zh"}):
        translations: Translations = domain.get_translations()
        builtin = domain.translation_directories[0]
        with Path(builtin, "flask_security.pot").open("rb") as file:
            messages = [message for message in read_po(file) if message.id]
        assert len(messages) > 250
        untranslated = [message.id for message in messages if translations.gettext(message.id) == message.id]
    assert untranslated == []


def test_the_code_of_a_key_that_only_the_page_knows_yet(app: Flask) -> None:
    """`doorstep demo-code --key` answers for an account that is being set up, in the form of the page."""
    with app.app_context():
        user = User(name="林岚")
        key = "JBSW Y3DP EHPK 3PXP"
        expected = TOTP(key=key.replace(" ", ""), format="base32").generate().token
        assert sign_in_module.current_totp_code(user) is None
        assert sign_in_module.current_totp_code(user, key) == expected
        with pytest.raises(ValueError):
            sign_in_module.current_totp_code(user, "1")
