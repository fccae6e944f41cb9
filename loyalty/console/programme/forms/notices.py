"""Words for members that are shown with the terms."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.programme.fields import with_look
from loyalty.console.programme.shapes import Document, EditedDraft, PartForm


class NoticesForm(PartForm):
    """All notices, and an empty one."""

    def set_choices(self) -> None:
        kept = self.part.get("notices") or []
        data = self.data if self.is_bound else None
        for place, notice in enumerate([*kept, {}]):
            is_new = place == len(kept)
            self.inner[str(place)] = NoticeForm(self.edited, notice, data, is_new=is_new, prefix=f"notice{place}")

    def written(self) -> Any:
        return [notice for form in self.inner.values() if (notice := form.written())]

    def take_faults(self, faults: Any, pointer: str) -> None:
        """Put what is said of a notice beside that notice."""
        for fault in faults:
            place = fault.pointer.removeprefix(pointer).strip("/").split("/")[0]
            if place in self.inner:
                self.inner[place].take_faults([fault], f"{pointer}/{place}")
            else:
                super().take_faults([fault], pointer)


class NoticeForm(PartForm):
    """One notice, in every language of its own."""

    plan: ClassVar[Any] = (
        ("", "", ("title", "body"), False),
        (gettext_lazy("In other languages"), "", ("title__*", "body__*"), True),
        ("", "", ("remove",), False),
    )  # fmt: skip

    def __init__(
        self, edited: EditedDraft, part: Document | None, data: Any = None, *, is_new: bool, **options: Any
    ) -> None:
        self.is_new = is_new
        super().__init__(edited, part, data, **options)

    def build(self) -> None:
        self.add_text("title", _("Title"), required=False)
        self.add_text("body", _("Text"), required=False, lines=4)
        if not self.is_new:
            remove = forms.BooleanField(label=_("Remove this notice"), required=False)
            self.fields["remove"] = with_look(remove, look="switch")

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        is_needed = not read.get("remove") and (not self.is_new or read.get("title") or read.get("body"))
        for name, words in (("title", _("Type a title.")), ("body", _("Type the text."))):
            if is_needed and not read.get(name) and name not in self.errors:
                self.add_error(name, words)
        return read

    def written(self) -> Document | None:
        if self.cleaned_data.get("remove") or not self.cleaned_data.get("title"):
            return None
        return {"title": self.text("title"), "body": self.text("body")}
