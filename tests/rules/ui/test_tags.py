"""The tags pages are written with: what they draw, what they tie together for those who listen, what they leave out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory

from loyalty.ui import styleguide

ROOT = Path(__file__).resolve().parents[3]


def drawn(source, **context):
    return Template("{% load i18n ui %}" + source).render(Context(context))


class Joining(forms.Form):
    contact = forms.CharField(label="E-mail or phone", help_text="One is enough.")
    terms = forms.BooleanField(label="I agree")
    size = forms.ChoiceField(label="Size", widget=forms.RadioSelect, choices=[("s", "Small"), ("l", "Large")])
    note = forms.CharField(label="Note", required=False)


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_a_field_ties_label_help_and_error_to_its_input():
    html = drawn("{% field form.contact %}", form=Joining({}))
    (control,) = Elements(html).all("input")

    assert Elements(html).all("label") == [{"class": "field__label", "for": "id_contact"}]
    assert control["aria-describedby"] == "id_contact_helptext id_contact_error"
    assert control["aria-invalid"] == "true"
    for name in control["aria-describedby"].split():
        assert f'id="{name}"' in html
    assert "This field is required." in html


def test_only_what_may_be_left_out_says_so():
    form = Joining()
    assert "optional" in drawn("{% field form.note %}", form=form)
    assert "optional" not in drawn("{% field form.contact %}", form=form)


def test_other_keywords_become_attributes_of_the_input():
    html = drawn('{% field form.note hx_get="/x" placeholder="Say it" %}', form=Joining())
    (control,) = Elements(html).all("input")
    assert (control["hx-get"], control["placeholder"]) == ("/x", "Say it")


def test_a_list_of_choices_is_a_group_with_a_legend():
    html = drawn('{% field form.size look="segments" %}', form=Joining({"size": "l"}))

    assert html.count("<fieldset") == 1
    assert "Size" in html[html.index("<legend") : html.index("</legend>")]
    assert [box["value"] for box in Elements(html).all("input") if "checked" in box] == ["l"]


def test_errors_are_listed_above_the_form_with_links_to_their_fields():
    html = drawn("{% form_errors form %}", form=Joining({"size": "s", "contact": "x"}))
    assert '<a href="#id_terms">I agree: This field is required.</a>' in html
    assert 'role="alert"' in html
    assert drawn("{% form_errors form %}", form=Joining()).strip() == ""


def test_a_label_that_is_a_sentence_is_followed_by_one_sign_only():
    class Asking(forms.Form):
        paid = forms.CharField(label="What did you pay?")
        terms = forms.BooleanField(label="I agree to the terms.")

        score = forms.ChoiceField(label="How was it?", choices=[("1", "Bad"), ("2", "Good")], widget=forms.RadioSelect)

    asking = Asking({})
    html = drawn("{% form_errors form %}", form=asking)

    assert '<a href="#id_paid">What did you pay: This field is required.</a>' in html
    assert '<a href="#id_terms">I agree to the terms: This field is required.</a>' in html
    # Of a list the first button is where the link leads.
    assert '<a href="#id_score_0">How was it: This field is required.</a>' in html
    assert 'id="id_score_0"' in drawn("{% field form.score %}", form=asking)


def test_one_button_of_many_says_to_a_screen_reader_which():
    assert 'Redeem<span class="sr-only">: Americano</span></a>' in drawn(
        '{% button "Redeem" dialog="take" about="Americano" %}'
    )
    assert "sr-only" not in drawn('{% button "Redeem" dialog="take" %}')


def test_what_people_typed_is_escaped_everywhere():
    bad = "<script>alert(1)</script>"
    for source in (
        "{% card title=bad note=bad %}{{ bad }}{% endcard %}",
        "{% button bad %}",
        "{% chip bad %}",
        "{% alert 'info' title=bad %}{{ bad }}{% endalert %}",
        "{% empty bad %}{{ bad }}{% endempty %}",
        "{% dialog 'd' title=bad %}{{ bad }}{% enddialog %}",
        "{% qr bad label=bad %}",
        "{% ring 1 2 label=bad big=bad %}",
        "{% progress 1 2 label=bad text=bad %}",
        "{% line_chart labels series bad %}",
        "{% heat_map labels rows bad %}",
        "{% sparkline values label=bad %}",
        "{{ bad|initial }}",
    ):
        html = drawn(
            source, bad=bad, labels=[bad, bad], values=[1, 2],
            series=[{"label": bad, "values": [1, 2]}], rows=[{"label": bad, "size": 2, "shares": [0.5, None]}],
        )  # fmt: skip
        assert "<script>alert" not in html, source


def test_a_button_that_leads_is_a_link_and_one_that_does_is_a_button():
    assert drawn('{% button "Go" href="/x" %}').strip().startswith('<a class="button " href="/x"')
    assert 'type="submit"' in drawn('{% button "Save" %}')
    assert 'href="#d" data-dialog="d" aria-haspopup="dialog"' in drawn('{% button "Open" dialog="d" %}')


def test_the_pager_keeps_the_pages_other_parameters():
    request = RequestFactory().get("/members?q=mina&cursor=old")
    html = drawn("{% pager 'new' %}", request=request)
    assert 'href="?q=mina&amp;cursor=new"' in html
    assert drawn("{% pager None %}", request=request).strip() == ""


def test_a_link_to_a_page_that_does_not_exist_is_not_drawn():
    assert drawn("{% nav_link 'nowhere:at_all' 'X' 'home' %}").strip() == ""


def test_the_navigation_lights_the_page_and_its_details():
    request = RequestFactory().get("/styleguide/forms")

    class Match:
        kwargs = {"part": "forms"}
        view_name = "ui:styleguide_part"

    request.resolver_match = Match
    assert 'aria-current="page"' in drawn("{% nav_link 'ui:styleguide' 'X' 'home' %}", request=request)
    assert 'aria-current="page"' not in drawn("{% nav_link 'ui:scheme' 'X' 'home' %}", request=request)


@pytest.mark.parametrize(
    ("cookie", "attribute"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'), ('x"><b', ""), (None, "")]
)
def test_only_light_and_dark_are_taken_from_the_cookie(cookie, attribute):
    request = RequestFactory().get("/")
    if cookie:
        request.COOKIES["theme"] = cookie
    assert drawn("{% theme_attribute %}", request=request) == attribute


def test_html_gets_the_tag_fonts_hang_on():
    assert drawn("{{ a|language_tag }} {{ b|language_tag }} {{ c|language_tag }}", a="zh-hant", b="ko", c="pt-br") == (
        "zh-Hant ko pt-BR"
    )


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "429", "500", "503"])
def test_error_pages_draw_without_a_request(code):
    html = render_to_string(f"{code}.html")
    assert "<h1>" in html
    assert code[:3] in html


def test_every_icon_named_in_a_template_is_drawn_and_listed():
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/icons.svg").read_text()))
    named = set()
    for template in (ROOT / "templates").rglob("*.html"):
        named |= set(re.findall(r"""(?:{% icon |\bicon=|icon_after=)["']([\w-]+)["']""", template.read_text()))
    assert named - sprite == set()
    assert set(styleguide._ICONS) == sprite


def test_no_page_template_carries_what_the_policy_refuses():
    refused = re.compile(
        r"""\sstyle=|<style\b|<script(?![^>]*(?:\bsrc=|type="application/json"))[^>]*>|\son\w+=|hx-on"""
    )
    for template in (ROOT / "templates").rglob("*.html"):
        relative = template.relative_to(ROOT / "templates")
        if relative.parts[0] == "email":
            continue  # mail has no stylesheet to link to
        found = refused.search(template.read_text())
        assert found is None, f"{relative}: {found and found.group(0)}"


@pytest.mark.parametrize(
    ("count", "size", "held", "places", "columns"),
    [(7, 10, 7, 10, 5), (0, 6, 0, 6, 6), (-2, 8, 0, 8, 4), (12, 9, 9, 9, 5), (30, 50, 0, 0, 0)],
)
def test_stamps_stand_in_rows_and_too_many_are_a_bar(count, size, held, places, columns):
    page = Template("{% load ui %}{% stamps count size label='so many' %}").render(
        Context({"count": count, "size": size})
    )
    assert page.count("stamps__place--held") == held
    assert page.count('class="stamps__place') == places
    assert (f"stamps--{columns}" in page) is bool(places)
    assert ("<svg" in page.split("stamps__place")[0]) is not bool(places)
    assert 'role="img" aria-label="so many"' in page
