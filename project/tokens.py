"""POST /api/token/: a bearer token for a name and a password."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.views import TokenObtainPairView

from monitoring.api.base import OnlyJson
from monitoring.api.error_answers import ErrorAnswerSerializer

# Text that DRF does not call blank.
_NOT_BLANK = r"^[^\u0000]*[^\u0000\s][^\u0000]*$"


class CredentialsSerializer(serializers.Serializer[Any]):
    """Those of an active user."""

    username = serializers.RegexField(_NOT_BLANK)
    password = serializers.RegexField(_NOT_BLANK)


class TokensSerializer(serializers.Serializer[Any]):
    """`access` goes into `Authorization: Bearer …`; it is valid for an hour."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class TokenView(TokenObtainPairView):
    """A token for an active user."""

    http_method_names = ("post",)
    content_negotiation_class = OnlyJson

    @extend_schema(
        operation_id="token",
        request=CredentialsSerializer,
        responses={
            200: TokensSerializer,
            **dict.fromkeys((400, 401, 405, 415), ErrorAnswerSerializer),
        },
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)
