"""What headers say of a request: its time in the proxy's queue, and its sampled trace.

X-Request-Start is read in every common form, traceparent as the W3C demands; OpenTelemetry's
sampled span comes before it.
"""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.instruments.request_headers import parse_traceparent, queue_seconds, sampled_trace
from tests.unit.conftest import RunPython

NOW = 1_700_000_000.0
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("t=1699999999.750", 0.25),
        ("1699999999.750", 0.25),
        ("t=1699999999", 1.0),
        ("1699999999750", 0.25),
        ("t=1699999999750", 0.25),
        ("t=1699999999750000", 0.25),
    ],
)
def test_seconds_milliseconds_and_microseconds_are_understood(header: str, seconds: float) -> None:
    assert queue_seconds(header, NOW) == pytest.approx(seconds, abs=1e-3)


def test_a_proxy_clock_slightly_ahead_is_no_wait() -> None:
    assert queue_seconds("t=1700000000.9", NOW) == 0.0


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "soon",
        "-1699999999",
        "1e9",
        "t=1700000002",
        "t=1699990000",
        "9" * 400,
        "nan",
        "t=١٦٩٩٩٩٩٩٩٩",
    ],
)
def test_a_request_start_that_is_no_moment_of_late_is_ignored(header: str) -> None:
    assert queue_seconds(header, NOW) is None


@pytest.mark.parametrize(
    "header",
    [
        VALID,
        f"00-{TRACE}-{SPAN}-03",  # a flag of a later version beside it
        f"00-{TRACE}-{SPAN}-ff",
        f"01-{TRACE}-{SPAN}-01",  # later versions begin as this one does
        f"01-{TRACE}-{SPAN}-01-",
        f"fe-{TRACE}-{SPAN}-01-what the future will be like",
    ],
)
def test_a_sampled_traceparent_names_its_trace_and_the_callers_span(header: str) -> None:
    trace = parse_traceparent(header)
    assert trace is not None
    assert (trace.trace_id.hex(), trace.span_id.hex()) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{TRACE}-{SPAN}-00",  # not sampled
        f"00-{TRACE}-{SPAN}-02",
        f"ff-{TRACE}-{SPAN}-01",  # the forbidden version
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",  # version 00 has nothing behind its flags
        f"01-{TRACE}-{SPAN}-01more",
        f"00_{TRACE}_{SPAN}_01",
        f" {VALID}",
        f"{VALID} ",
        f"{VALID}\n",
        f"{VALID},{VALID}",  # sent twice
        VALID.replace("4bf9", "4bg9"),
        VALID.replace("4", "\N{ARABIC-INDIC DIGIT FOUR}"),
    ],
)
def test_any_other_traceparent_is_ignored(header: str) -> None:
    assert parse_traceparent(header) is None


@given(st.text(max_size=80) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"))
def test_no_text_is_an_exception_and_only_what_is_in_it_comes_out(header: str) -> None:
    trace = parse_traceparent(header)
    if trace is not None:
        assert header[3:52] == f"{trace.trace_id.hex()}-{trace.span_id.hex()}"
        assert int(header[53:55], 16) & 1


def test_a_request_without_the_header_is_not_traced_and_nothing_is_imported() -> None:
    before = set(sys.modules)
    assert sampled_trace({"HTTP_HOST": "testserver"}) is None
    assert sampled_trace({"HTTP_TRACEPARENT": VALID}) is not None
    assert set(sys.modules) == before


_TRACER = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from monitoring.instruments.request_headers import sampled_trace
header = {{"HTTP_TRACEPARENT": "{VALID}"}}
def shown(meta):
    found = sampled_trace(meta)
    return found and (found.trace_id.hex(), found.span_id.hex())
"""


def test_the_current_opentelemetry_span_comes_before_the_header(run_python: RunPython) -> None:
    output = run_python(
        _TRACER
        + """
with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
    context = span.get_span_context()
    own = (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    print(shown({}) == own, shown(header) == own)
print(shown({}))
"""
    )
    assert output == "True True\nNone\n"


def test_a_span_that_is_not_sampled_leaves_it_to_the_header(run_python: RunPython) -> None:
    output = run_python(
        _TRACER
        + """
with TracerProvider(ALWAYS_OFF).get_tracer("test").start_as_current_span("request"):
    print(shown({}), shown(header)[0])
"""
    )
    assert output == f"None {TRACE}\n"


def test_the_traceparent_counts_where_opentelemetry_is_imported_but_not_used(
    run_python: RunPython,
) -> None:
    assert run_python(_TRACER + "print(shown({}), shown(header)[0])") == f"None {TRACE}\n"
