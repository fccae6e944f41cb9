"""What holds for all rules (the points themselves), and what is promised beside them: joining, friends, paying."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.console.programme.expiry_form import ExpiryForm
from loyalty.console.programme.fields import MoneyField, PointsField, with_look
from loyalty.console.programme.shapes import Document, PartForm
from rewards.terms import LINE_KINDS


class PointsForm(PartForm):
    """The points themselves, and what holds for all rules: names, rounding, exclusions, limits, pending, expiry."""

    plan: ClassVar[Any] = (
        ("", "", ("name",), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What a point is called"), "", ("singular", "singular__*", "plural", "plural__*"), True),
        (gettext_lazy("Counting"), "", ("decimals", "mode", "scope", "minimum_points", "stacking"), False),
        (gettext_lazy("Goods that never earn"), gettext_lazy("Tobacco, medicines, books …"),
         ("excluding_categories", "excluding_skus", "excluding_labels", "excluding_name", "excluding_name__*"), False),
        (gettext_lazy("What counts on a receipt"),
         gettext_lazy("A till says of each line what it is. Usually only goods count, and no tips, gift cards or deposits."),
         ("kinds", "payable_kinds"), True),
        (gettext_lazy("Limits over all rules"), "", ("cap_*",), True),
        (gettext_lazy("When points become spendable"), gettext_lazy("At once, if empty."),
         ("pending_days", "pending_until"), True),
    )  # fmt: skip

    def build(self) -> None:
        document = self.edited.document
        points, earning = document["points"], document["earning"]
        self.part = {"name": document["name"], "singular": points["singular"], "plural": points["plural"]}
        self.add_text("name", _("Name of the programme"))
        self.add_text("singular", _("One point"))
        self.add_text("plural", _("Several points"))
        self.fields["decimals"] = forms.TypedChoiceField(
            label=_("Decimals"), coerce=int, choices=[(0, "0"), (1, "1"), (2, "2")],
            help_text=_("Set once: it cannot change after the programme was published."),
        )  # fmt: skip
        self.fields["mode"] = forms.ChoiceField(
            label=_("Rounding"),
            choices=[("floor", _("down")), ("half_up", _("to the nearest")), ("half_even", _("to the nearest, halves to even")),
                     ("ceil", _("up"))],
        )  # fmt: skip
        self.fields["scope"] = forms.ChoiceField(
            label=_("Rounded once for"), choices=[("order", _("the whole order")), ("line", _("each line"))]
        )
        self.fields["minimum_points"] = with_look(
            PointsField(self.edited.decimals, required=False, label=_("An order earns nothing below")),
            after=_("points"),
        )
        self.fields["stacking"] = forms.ChoiceField(
            label=_("When several rules apply"),
            choices=[("all", _("all of them count")), ("best", _("the best one counts")), ("first", _("the first one counts"))],
        )  # fmt: skip
        self.add_goods("excluding", earning["excluding"], _("Categories"), _("SKUs"), _("Labels"))
        for name, label in (
            ("kinds", _("Earns, and counts for minimums and tiers")),
            ("payable_kinds", _("Can be paid with points, and reduced by percentages")),
        ):
            kinds = forms.MultipleChoiceField(
                label=label, choices=list(LINE_KINDS.items()), widget=forms.CheckboxSelectMultiple
            )
            self.fields[name] = with_look(kinds, look="choices")
        self.add_caps(earning["caps"])
        self.add_pending(earning["pending"], _("Points stay pending for"))
        self.initial = {
            **self.initial,
            "decimals": points["decimals"], "mode": points["rounding"]["mode"], "scope": points["rounding"]["scope"],
            "minimum_points": points["minimum_points"], "stacking": earning["stacking"], "kinds": earning["kinds"],
            "payable_kinds": document["payable_kinds"],
        }  # fmt: skip

    def set_choices(self) -> None:
        data = self.data if self.is_bound else None
        self.inner["expiry"] = ExpiryForm(
            self.edited, self.edited.document["expiry"], data, may_inherit=False, prefix="expiry"
        )

    def put(self, document: Document) -> None:
        """Put what was typed into a document."""
        read = self.cleaned_data
        document["name"] = self.text("name")
        document["points"] |= {
            "singular": self.text("singular"), "plural": self.text("plural"), "decimals": read["decimals"],
            "rounding": {"mode": read["mode"], "scope": read["scope"]}, "minimum_points": read["minimum_points"],
        }  # fmt: skip
        document["earning"] |= {
            "stacking": read["stacking"], "excluding": self.goods("excluding") or {}, "caps": self.caps(),
            "pending": self.pending(), "kinds": read["kinds"],
        }  # fmt: skip
        document["payable_kinds"] = read["payable_kinds"]
        document["expiry"] = self.inner["expiry"].written()


class WelcomeForm(PartForm):
    """Points for joining, and for bringing somebody."""

    plan: ClassVar[Any] = (
        (gettext_lazy("For joining"), gettext_lazy("Empty: nothing."), ("welcome_points", "welcome_qualifying"), False),
        (gettext_lazy("For bringing a friend"), gettext_lazy("Both are paid when the friend first buys, and taken back if that purchase is returned."),
         ("referrer_points", "referee_points", "minimum_amount_minor", "within_days", "max_referrals"), False),
        (gettext_lazy("Details"), "", ("pending_days", "pending_until", "qualifying"), True),
    )  # fmt: skip

    def build(self) -> None:
        welcome, referral = self.edited.document["welcome"] or {}, self.edited.document["referral"] or {}
        decimals = self.edited.decimals
        self.fields["welcome_points"] = with_look(
            PointsField(decimals, required=False, label=_("Welcome points")), after=_("points")
        )
        counts = _("Counts towards the tier")
        self.fields["welcome_qualifying"] = with_look(forms.BooleanField(label=counts, required=False), look="switch")
        self.fields["referrer_points"] = with_look(
            PointsField(decimals, required=False, label=_("For the referrer")), after=_("points")
        )
        self.fields["referee_points"] = with_look(
            PointsField(decimals, required=False, label=_("For the friend")), after=_("points")
        )
        self.fields["minimum_amount_minor"] = MoneyField(
            self.edited.currency, required=False, label=_("First purchase of at least")
        )
        within = forms.IntegerField(min_value=1, max_value=3660, required=False, label=_("Within"))
        self.fields["within_days"] = with_look(within, after=_("days of joining"))
        most = forms.IntegerField(min_value=1, max_value=10**6, required=False, label=_("At most"))
        self.fields["max_referrals"] = with_look(most, after=_("friends a member"))
        self.add_pending(referral.get("pending"), _("Points for friends stay pending for"))
        self.fields["qualifying"] = with_look(
            forms.BooleanField(label=_("Points for friends count towards the tier"), required=False), look="switch"
        )
        self.initial = {
            **self.initial,
            **{name: referral.get(name) for name in ("referrer_points", "referee_points", "minimum_amount_minor",
                                                     "within_days", "max_referrals", "qualifying")},
            "welcome_points": welcome.get("points"), "welcome_qualifying": welcome.get("qualifying"),
        }  # fmt: skip

    def put(self, document: Document) -> None:
        read = self.cleaned_data
        kept_welcome, kept_referral = document["welcome"] or {}, document["referral"] or {}
        points = read["welcome_points"]
        document["welcome"] = (
            {**kept_welcome, "points": points, "qualifying": read["welcome_qualifying"]} if points else None
        )
        is_on = read["referrer_points"] or read["referee_points"]
        names = (
            "referrer_points",
            "referee_points",
            "minimum_amount_minor",
            "within_days",
            "max_referrals",
            "qualifying",
        )
        document["referral"] = (
            {**kept_referral, **{name: read[name] for name in names}, "pending": self.pending()} if is_on else None
        )


class PayingForm(PartForm):
    """Any amount can be paid with points."""

    plan: ClassVar[Any] = (
        ("", "", ("is_on", "points", "amount_minor", "minimum_points", "step_points", "maximum_points", "max_share_percent"), False),
        (gettext_lazy("Goods that points may not pay for"), "", ("excluding_categories", "excluding_skus", "excluding_labels"), True),
    )  # fmt: skip

    def build(self) -> None:
        decimals, part = self.edited.decimals, self.part
        self.fields["is_on"] = with_look(forms.BooleanField(label=_("Points can pay"), required=False), look="switch")
        self.fields["points"] = with_look(
            PointsField(decimals, required=False, label=_("This many")), after=_("points")
        )
        self.fields["amount_minor"] = MoneyField(self.edited.currency, required=False, label=_("… are worth"))
        for name, label in (
            ("minimum_points", _("At least")),
            ("step_points", _("In steps of")),
            ("maximum_points", _("At most")),
        ):
            self.fields[name] = with_look(PointsField(decimals, required=False, label=label), after=_("points"))
        share = forms.IntegerField(min_value=1, max_value=100, required=False, label=_("Of an order, at most"))
        self.fields["max_share_percent"] = with_look(share, after="%")
        self.initial = {"is_on": bool(part), **part}
        self.add_goods("excluding", part.get("excluding"), _("Categories"), _("SKUs"), _("Labels"))

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("is_on"):
            for name in ("points", "amount_minor"):
                if not read.get(name) and name not in self.errors:
                    self.add_error(name, _("Say what points are worth."))
        return read

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read["is_on"]:
            return None
        return {
            "points": read["points"],
            "amount_minor": read["amount_minor"],
            "minimum_points": read["minimum_points"] or 1,
            "maximum_points": read["maximum_points"],
            "step_points": read["step_points"] or 1,
            "max_share_percent": read["max_share_percent"] or 100,
            "excluding": self.goods("excluding") or {},
        }


class TransfersForm(PartForm):
    """Members may give points to each other, within limits."""

    plan: ClassVar[Any] = (
        ("", "", ("is_on", "minimum_points", "maximum_points", "given_per_month", "received_per_month"), False),
    )  # fmt: skip

    def build(self) -> None:
        self.fields["is_on"] = with_look(
            forms.BooleanField(label=_("Members can give points to each other"), required=False), look="switch"
        )
        for name, label in (
            ("minimum_points", _("In one transfer, at least")),
            ("maximum_points", _("In one transfer, at most")),
            ("given_per_month", _("A member gives in a month, at most")),
            ("received_per_month", _("A member receives in a month, at most")),
        ):
            self.fields[name] = with_look(
                PointsField(self.edited.decimals, required=False, label=label), after=_("points")
            )  # fmt: skip
        self.initial["is_on"] = bool(self.part)

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        least, most = read.get("minimum_points"), read.get("maximum_points")
        if least and most and least > most:
            self.add_error("maximum_points", _("At most is less than at least."))
        return read

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read["is_on"]:
            return None
        names = ("maximum_points", "given_per_month", "received_per_month")
        return {"minimum_points": read["minimum_points"] or 1, **{name: read[name] for name in names}}
