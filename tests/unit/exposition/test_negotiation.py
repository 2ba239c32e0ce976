"""Each scraper gets the format and the encoding that it asks for."""

import pytest

from monitoring.exposition.negotiation import (
    MAX_HEADER_CHARACTERS,
    Format,
    accepts_gzip,
    choose_format,
)

TEXT, OPENMETRICS, PROTOBUF = Format.TEXT, Format.OPENMETRICS, Format.PROTOBUF
PROTO = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

# What the servers send (their sources: config.ScrapeProtocols and scrape.acceptHeader).
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42_NATIVE = (
    f"{PROTO},application/openmetrics-text;version=1.0.0;q=0.8,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_53 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;"
    "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_NATIVE = f"{PROTO};escaping=allow-utf-8;q=0.7,{PROMETHEUS_3}"
PROMETHEUS_3_TEXT_ONLY = "text/plain;version=0.0.4;q=0.6,*/*;q=0.5"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_2_42_NATIVE, PROTOBUF),
        (PROMETHEUS_2_53, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_3_NATIVE, PROTOBUF),
        (PROMETHEUS_3_TEXT_ONLY, TEXT),
        # a browser, curl, nothing
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("*/*", TEXT),
        ("", TEXT),
    ],
)
def test_each_real_scraper_gets_the_format_that_it_prefers(accept: str, chosen: Format) -> None:
    assert choose_format(accept) is chosen


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/openmetrics-text", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain", TEXT),
        ("text/plain;q=0.5,application/openmetrics-text", OPENMETRICS),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.8", TEXT),
        ("text/plain,application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;q=0,text/plain", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0.001", OPENMETRICS),
        (f"{PROTO};q=0,application/openmetrics-text", OPENMETRICS),
        (f"{PROTO};q=0.5,text/plain", TEXT),
        (f"{PROTO},text/plain", PROTOBUF),
        (f"{PROTO.replace('delimited', 'text')},text/plain;q=0.1", TEXT),
        (f"{PROTO.replace('io.prometheus', 'org.example')},text/plain;q=0.1", TEXT),
        # the nearer range counts, whatever the wildcard says
        ("text/plain;q=0.1,application/openmetrics-text;q=0.5,*/*;q=0.9", OPENMETRICS),
        ("text/*;q=0.2,application/openmetrics-text;q=0.5,*/*", OPENMETRICS),
        ("*/*;q=0.9,application/openmetrics-text;q=0.5", TEXT),
        # what is no q-value gets nobody a format
        ("application/openmetrics-text;q=high,text/plain", TEXT),
        ("application/openmetrics-text;q=2,text/plain", TEXT),
        ("application/openmetrics-text;q=nan,text/plain;q=0.1", TEXT),
        (";;,,=;q=;,", TEXT),
        ("application/json", TEXT),
    ],
)
def test_the_format_of_the_highest_q_value_is_chosen_if_its_parameters_are_known(
    accept: str, chosen: Format
) -> None:
    assert choose_format(accept) is chosen


def test_only_the_beginning_of_an_endless_header_is_read() -> None:
    assert choose_format("a/b," * MAX_HEADER_CHARACTERS + "application/openmetrics-text") is TEXT


@pytest.mark.parametrize(
    ("accept_encoding", "compressed"),
    [
        ("gzip", True),
        ("GZIP;q=0.1", True),
        ("gzip, deflate, br", True),
        ("*", True),
        ("deflate;q=1.0, *;q=0.5", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=yes", False),
        ("br, deflate", False),
    ],
)
def test_an_answer_is_compressed_only_where_gzip_is_accepted(
    accept_encoding: str, compressed: bool
) -> None:
    assert accepts_gzip(accept_encoding) is compressed
