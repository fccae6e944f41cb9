"""The boxes somebody ticks on joining, as the portal and the counter show them, with links to what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members import consent
from members import privacy as notices
from merchants.directory import Merchant


def consent_form(
    merchant: Merchant, wordings: Sequence[consent.Wording], posted: Any, documents: Mapping[str, str]
) -> ConsentForm:
    """Make the form of these boxes, with links to the documents they are about."""
    slug = {"merchant_slug": merchant.slug}
    addresses = {"terms": reverse("portal:terms", kwargs=slug), "privacy": reverse("portal:privacy", kwargs=slug)}
    return ConsentForm(wordings, posted, documents=documents, addresses=addresses)


class ConsentForm(forms.Form):
    """The boxes of this merchant: each its own, none ticked, only terms and privacy notice needed.

    `shown` names the versions of both that the page leads to; a form of an older page is sent back with that said.
    """

    shown = forms.CharField(required=False, max_length=130, widget=forms.HiddenInput())

    def __init__(
        self,
        wordings: Sequence[consent.Wording],
        *args: Any,
        documents: Mapping[str, str],
        addresses: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "initial": {"shown": _listed(documents)}})
        self.use_required_attribute = False
        self.wordings, self.documents = wordings, documents
        for wording in wordings:
            self.fields[wording.code] = forms.BooleanField(
                label=_linked(wording, addresses),
                required=wording.is_required,
                help_text=wording.help,
                error_messages={"required": _("To join, please agree to this.")},
            )

    def clean_shown(self) -> str:
        shown: str = self.cleaned_data["shown"]
        if shown and shown != _listed(self.documents):
            raise forms.ValidationError(
                _("The terms or the privacy notice changed since this page was opened. Please look at them again.")
            )
        return shown

    def show_anew(self) -> None:
        """Let the page that is drawn again carry the versions it leads to now."""
        self.data = {**{name: self.data[name] for name in self.data}, "shown": _listed(self.documents)}

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The boxes by the question they answer."""
        return [(lead, [self[each.code] for each in boxes]) for lead, boxes in consent.groups(self.wordings)]

    @property
    def granted(self) -> tuple[str, ...]:
        return tuple(wording.code for wording in self.wordings if self.cleaned_data.get(wording.code))


def _listed(documents: Mapping[str, str]) -> str:
    return " ".join(documents[name] for name in sorted(documents))


def _linked(wording: consent.Wording, addresses: Mapping[str, str]) -> str:
    """The label with the words that name a document as a link to it; what was typed stays in this window."""
    if not wording.link or wording.link not in wording.label or wording.code not in addresses:
        return wording.label
    before, link, after = wording.label.partition(wording.link)
    return format_html(
        '{}<a href="{}" target="_blank" rel="noopener">{}<span class="sr-only"> ({})</span></a>{}',
        before, addresses[wording.code], link, _("opens in a new window"), after,
    )  # fmt: skip


def document_named(name: str) -> dict[str, Any]:
    """Say which version a consent is about, and where it can be read; empty for none."""
    kind, _colon, version = name.partition(":")
    if kind == "terms" and version.isdecimal() and int(version):
        return {"text": gettext("Terms, version %(version)s") % {"version": version}}
    if kind == "privacy":
        number = notices.number_of(name)
        said = gettext("Privacy notice, version %(version)s") % {"version": version}
        return {"text": said if number else gettext("Standard privacy notice"), "version": number}
    return {}
