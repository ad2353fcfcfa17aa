"""A JSON body is of the described types; a form, which has only text, is read as such."""

import pytest
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import ReturnDict

from tests.factories import make_sponsor


class Wanted(serializers.Serializer):
    name = serializers.CharField(required=False, allow_null=True)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    count = serializers.IntegerField(required=False)
    force = serializers.BooleanField(required=False)


def faults_of(data) -> ReturnDict:
    wanted = Wanted(data=data)
    wanted.is_valid()
    return wanted.errors


@pytest.mark.parametrize(
    "body",
    [{"name": 649}, {"name": True}, {"tags": ["a", 7]}, {"count": "12"}, {"count": True}, {"count": 1.5}, {"force": 1}]
    + [{"force": "true"}, {"force": "yes"}],
)
def test_another_type_is_refused_by_name(body):
    assert list(faults_of(body)) == list(body)


@pytest.mark.parametrize("body", [{"name": "649"}, {"name": None}, {"count": 12}, {"count": 3.0}, {"force": False}])
def test_the_described_one_is_taken(body):
    assert faults_of(body) == {}


def test_a_form_holds_text():
    assert faults_of(QueryDict("name=a&count=12&force=true&tags=x")) == {}


def test_an_advertisers_category_is_no_number(api, switch_on_all):
    sponsor = make_sponsor(category="Coffee")

    answer = api.patch(f"/api/v1/advertisers/{sponsor.pk}", {"category": 649}, content_type="application/json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "category")
    sponsor.refresh_from_db()
    assert sponsor.category == "Coffee"
