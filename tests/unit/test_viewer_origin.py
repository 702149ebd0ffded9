"""Beyond this machine: by the names that the settings give, over TLS or through a proxy that they name."""

import ssl
import subprocess
import threading
import urllib.request

import pytest
from entry import PASSWORD, Browser, user
from harness import free_port
from sqlalchemy import select

from core import passwords
from core.errors import PerfuscopeError
from core.settings import Settings
from core.settings_web import WebSettings
from db.access_tables import LoginAttempt
from viewer import server
from viewer.app import make_app
from viewer.origin import Origin, judge

pytestmark = pytest.mark.usefixtures("cheap_passwords")
NAME = "perfuscope.example.org"
PROXY = {"names": (NAME,), "proxies": ("10.0.0.5",)}
FORWARDED = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "192.0.2.7"}


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_login.py asks both where they could differ."""
    return "sqlite"


def browser(tmp_path, sessions, base: str, client: str = "127.0.0.1", **web: object) -> Browser:
    return Browser(make_app(Settings(home=tmp_path, web=WebSettings(**web)), sessions), base=base, client=client)


def test_a_name_of_the_settings_is_answered_over_tls_and_stays_so(tmp_path, sessions):
    answer = browser(tmp_path, sessions, f"https://{NAME}:8080", "192.0.2.7", names=(NAME.upper(),)).get("/login")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("base", "client", "said"),
    [
        (f"http://{NAME}", "192.0.2.7", "https only"),
        ("https://other.example.org", "192.0.2.7", f"at {NAME} only"),
        ("https://127.0.0.1", "192.0.2.7", "not asked for by that name"),
        ("http://localhost", "10.0.0.5", "not asked for by that name"),
    ],
)
def test_another_machine_gets_no_answer_by_any_other_way(tmp_path, sessions, base, client, said):
    answer = browser(tmp_path, sessions, base, client, names=(NAME,)).get("/login")
    assert (answer.status_code, said in answer.text) == (421, True)
    assert "strict-transport-security" not in answer.headers


def test_over_tls_the_cookie_is_one_that_nobody_else_can_set(tmp_path, sessions):
    user(sessions, "ada", password=passwords.hashed(PASSWORD))
    said = browser(tmp_path, sessions, f"https://{NAME}", names=(NAME,)).log_in("ada").headers["set-cookie"]
    assert said.startswith("__Host-perfuscope_8080=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(said.split("; "))


def visit(through: Browser) -> None:
    """Get the form, and send the cookie back as a browser does that was asked over TLS."""
    said = through.get("/login").headers["set-cookie"]
    through.headers["Cookie"] = said.partition(";")[0]


def test_a_proxy_that_the_settings_name_is_believed(tmp_path, sessions):
    user(sessions, "ada", password=passwords.hashed(PASSWORD))
    through = browser(tmp_path, sessions, f"http://{NAME}", "10.0.0.5", **PROXY)
    through.headers = {name.replace("_", "-"): text for name, text in FORWARDED.items()}
    visit(through)
    origin = {"Origin": f"https://{NAME}"}
    answer = through.post("/login", {"name": "ada", "password": PASSWORD}, **origin)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-perfuscope_8080=")
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    ("client", "headers", "said"),
    [
        ("10.0.0.6", FORWARDED, "does not name"),
        ("10.0.0.5", {"X_Forwarded_For": "192.0.2.7"}, "X-Forwarded-Proto to https"),
        ("10.0.0.5", FORWARDED | {"X_Forwarded_Proto": "http"}, "X-Forwarded-Proto to https"),
        ("10.0.0.5", FORWARDED | {"X_Forwarded_Proto": "https, http"}, "X-Forwarded-Proto to https"),
        ("10.0.0.5", FORWARDED | {"Host": "127.0.0.1"}, "only"),
        ("10.0.0.5", {}, "https only"),
        ("127.0.0.1", {"Host": "127.0.0.1:8080", "Forwarded": "for=x"}, "does not name"),
    ],
)
def test_a_proxy_that_is_not_named_or_not_set_up_gets_a_sentence(tmp_path, sessions, client, headers, said):
    answer = browser(tmp_path, sessions, f"http://{NAME}", client, **PROXY).get("/login", **headers)
    assert (answer.status_code, said in answer.text) == (421, True)


def test_who_asks_is_the_proxys_client_and_nobody_it_made_up(tmp_path, sessions):
    through = browser(tmp_path, sessions, f"http://{NAME}", "10.0.0.5", **PROXY)
    user(sessions, "ada", password=passwords.hashed(PASSWORD))
    through.headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1, 192.0.2.7, 10.0.0.5"}
    visit(through)
    through.post("/login", {"name": "ada", "password": "wrong"})
    with sessions.read() as session:
        assert session.scalar(select(LoginAttempt.address)) == "192.0.2.7"


def test_what_the_client_sent_as_a_line_of_its_own_before_the_proxys_is_not_believed():
    def asked(*lines: tuple[str, str]) -> Origin | str:
        sent = [(name.encode(), text.encode()) for name, text in (("host", NAME), *lines)]
        return judge({"type": "http", "client": ("10.0.0.5", 1), "headers": sent}, WebSettings(**PROXY))

    https, client = ("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.7")
    found = asked(https, ("x-forwarded-for", "198.51.100.1"), client)
    assert isinstance(found, Origin)
    assert found.address == "192.0.2.7"
    assert isinstance(asked(("x-forwarded-proto", "http"), https, client), Origin)
    assert "X-Forwarded-Proto to https" in str(asked(https, ("x-forwarded-proto", "http"), client))


def test_beyond_this_machine_pages_without_users_are_not_served(tmp_path, sessions):
    beyond = Settings(home=tmp_path, web_host="0.0.0.0", web=WebSettings(**PROXY))
    with pytest.raises(PerfuscopeError, match=r"web_host = '0\.0\.0\.0' .* perfuscope user add NAME --role admin"):
        server.refuse_nobody(beyond, sessions)
    server.refuse_nobody(Settings(home=tmp_path), sessions)
    user(sessions)
    server.refuse_nobody(beyond, sessions)


def test_the_address_is_the_one_that_a_browser_asks_for(tmp_path, sessions):
    tls = WebSettings(names=(NAME,), certificate="/c.pem", key="/k.pem")
    assert server.address(Settings(home=tmp_path, web_host="::1")) == "http://[::1]:8080/"
    assert server.address(Settings(home=tmp_path, web=tls)) == "https://127.0.0.1:8080/"
    assert server.address(Settings(home=tmp_path, web_host="0.0.0.0", web=tls)) == f"https://{NAME}:8080/"
    assert server.address(Settings(home=tmp_path, web_host="0.0.0.0", web=WebSettings(**PROXY))) == f"https://{NAME}/"


@pytest.fixture
def certificate(tmp_path) -> WebSettings:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run(command + files, check=True, capture_output=True, timeout=30)
    return WebSettings(certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")


def test_the_pages_speak_tls_with_a_certificate_and_nothing_else(tmp_path, sessions, certificate):
    settings = Settings(home=tmp_path, web_port=free_port(), web=certificate)
    bound = server.listen(settings)
    made = server.prepare(make_app(settings, sessions), settings.web)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    trusted = ssl.create_default_context(cafile=certificate.certificate)
    with urllib.request.urlopen(server.address(settings) + "login", context=trusted, timeout=20) as answer:
        assert answer.status == 200
        assert "strict-transport-security" in {name.lower() for name in answer.headers}
    with pytest.raises(OSError, match=r"."):
        urllib.request.urlopen(f"http://127.0.0.1:{settings.web_port}/login", timeout=5)
    made.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
    bound.close()


def test_a_certificate_that_is_none_is_told_in_one_sentence(tmp_path, sessions):
    (tmp_path / "cert.pem").write_text("no certificate")
    for path in (tmp_path / "gone.pem", tmp_path / "cert.pem"):
        web = WebSettings(certificate=path, key=tmp_path / "cert.pem")
        with pytest.raises(PerfuscopeError, match=r"web\.certificate = .* cannot be used"):
            server.prepare(make_app(Settings(home=tmp_path, web=web), sessions), web)
