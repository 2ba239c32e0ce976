"""The base view of all endpoints for admins: access, JSON only, errors, deadline."""

from time import monotonic
from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from monitoring.alerts.admins import is_admin
from monitoring.api.database_gate import answer_to_failure, check_database, check_users
from monitoring.api.error_answers import handle_error
from monitoring.api.openapi import SchemaInProject
from monitoring.api.plain_json import read_json
from monitoring.conf import get_settings

__all__ = ["OnlyJson"]

_MAX_BODY_BYTES = 64 * 1024


class IsAdmin(BasePermission):
    """Lets admins pass."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return is_admin(request.user)


class OnlyJson(BaseContentNegotiation):
    """Answers in JSON even if the client does not accept it, so that it gets every error."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((p for p in parsers if p.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class BoundedJson(BaseParser):
    """Parses JSON of at most _MAX_BODY_BYTES, and does not trust Content-Length."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Raises EndpointError."""
        return read_json(stream, _MAX_BODY_BYTES)


class AdminView(APIView):
    """For admins, by session (with CSRF token) or by what the project's DRF settings accept.

    Errors have one shape; a wrong method is a 405 whoever asks.
    """

    permission_classes: tuple[type[BasePermission], ...] = (IsAdmin,)
    renderer_classes = (JSONRenderer,)
    parser_classes: tuple[type[BaseParser], ...] = (BoundedJson,)
    content_negotiation_class: type[BaseContentNegotiation] = OnlyJson
    throttle_classes = ()
    versioning_class = None
    schema = SchemaInProject()
    # Without OPTIONS: DRF's answer would describe the view.
    http_method_names = ("get", "head", "post", "put")
    # Names of what its own path captures; a project's prefix may capture more.
    path_arguments: tuple[str, ...] = ()
    # When the answer is due, in monotonic seconds; set at the start of each request.
    deadline = 0.0

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        own = {name: kwargs[name] for name in self.path_arguments}
        return super().dispatch(request, **own)

    def get_authenticators(self) -> list[BaseAuthentication]:
        classes: list[Any] = list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)
        if not any(issubclass(found, SessionAuthentication) for found in classes):
            classes.append(SessionAuthentication)
        return [found() for found in classes]

    def get_authenticate_header(self, request: Request) -> str:
        """A challenge for every 401, even if the first authentication in the settings has none."""
        challenges = (found.authenticate_header(request) for found in self.get_authenticators())
        return next(filter(None, challenges), 'Session realm="api"')

    def get_exception_handler(self) -> Any:
        return handle_error

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(answer_to_failure(exc, self.seconds_left()) or exc)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        made = super().initialize_request(request, *args, **kwargs)
        made.version, made.versioning_scheme = None, None
        return made

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request, *args, **kwargs)
        check_users()
        self.deadline = monotonic() + get_settings().DATABASE_TIMEOUT_MS / 1000
        check_database(request, self.deadline)
        super().initial(request, *args, **kwargs)

    def seconds_left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(self.deadline - monotonic(), 0.0)

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Cache-Control": "no-store"}
