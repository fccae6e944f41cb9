"""A form for each part of the programme: rules, tiers, points, joining, paying, rewards."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from loyalty.console.programme.fields import (
    DayField,
    HoursField,
    ListField,
    MoneyField,
    PointsField,
    QuantityField,
    RatioField,
    worn,
)
from loyalty.console.programme.shapes import Desk, Document, ExpiryForm, PartForm, _per
from loyalty.ui import formats

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RULE_KINDS: dict[str, Any] = {
    "per_money": gettext_lazy("Points for money spent"),
    "per_order": gettext_lazy("Points for an order"),
    "per_item": gettext_lazy("Points for each piece"),
    "multiplier": gettext_lazy("Multiply what other rules give"),
}
REWARD_KINDS: dict[str, Any] = {
    "product": gettext_lazy("A product for nothing"),
    "discount": gettext_lazy("Money off"),
    "percentage": gettext_lazy("A percentage off"),
    "text": gettext_lazy("Anything words can promise"),
}


def code_from(name: str, taken: set[str], fallback: str) -> str:
    """Make a code for machines out of a name; it never changes afterwards."""
    stem = slugify(name)[:34].strip("-_") or fallback
    code, number = stem, 2
    while code in taken:
        code, number = f"{stem}-{number}", number + 1
    return code


class RuleForm(PartForm):
    """An earning rule of any kind, with its conditions, limits and details."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "points", "factor", "per_amount", "per_quantity", "full_steps", "mode", "of"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("When it applies"), gettext_lazy("All of these must hold. Leave empty what does not matter."),
         ("weekdays", "hours", "first_day", "last_day", "tiers", "locations", "birthday"), False),
        (gettext_lazy("Which goods"), gettext_lazy("Names of categories or SKUs, as your till sends them."),
         ("only_categories", "only_skus", "excluding_categories", "excluding_skus"), True),
        (gettext_lazy("Which purchases"), "",
         ("minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli", "nth_purchase", "every_nth_purchase",
          "with_goods_categories", "with_goods_skus", "channels", "without_points"), True),
        (gettext_lazy("Limits"), gettext_lazy("The most points this rule gives. Save to get another row."), ("cap_*",), True),
        (gettext_lazy("Details"), "",
         ("net_of", "by_tier", "qualifying", "priority", "stop", "pending_days", "pending_until"), True),
    )  # fmt: skip

    def __init__(self, desk: Desk, part: Document | None, data: Any = None, *, kind: str, **options: Any) -> None:
        self.kind = kind
        super().__init__(desk, part, data, **options)

    def build(self) -> None:
        part, when = self.part, self.part.get("when") or {}
        self.add_text("name", _("Name"), help_text=_("Members read it on their receipt."))
        self._build_amounts(part)
        self._build_conditions(when)
        self.add_goods("only", part.get("only"), _("Only these categories"), _("Only these SKUs"))
        self.add_goods("excluding", part.get("excluding"), _("Not these categories"), _("Not these SKUs"))
        self.add_goods(
            "with_goods",
            when.get("with_goods"),
            _("The basket holds one of these categories"),
            _("… or one of these SKUs"),
        )
        self.add_caps(part.get("caps") or [])
        self._build_details(part)

    def _build_amounts(self, part: Document) -> None:
        decimals, currency = self.desk.decimals, self.desk.currency
        if self.kind == "multiplier":
            self.fields["factor"] = worn(RatioField(label=_("Times")), before="×")
            self.fields["mode"] = worn(
                forms.ChoiceField(
                    label=_("Together with the tier's own factor"),
                    choices=[("add", _("adds up (double on a tier of 1.2 is 2.2)")),
                             ("multiply", _("compounds (double on a tier of 1.2 is 2.4)"))],
                )
            )  # fmt: skip
            self.fields["of"] = worn(
                forms.MultipleChoiceField(
                    label=_("Of which rules"), choices=self.desk.giving_rules, required=False,
                    widget=forms.CheckboxSelectMultiple, help_text=_("None chosen: of all."),
                ),
                look="choices",
            )  # fmt: skip
            self.initial.setdefault("factor", 2)
            self.initial.setdefault("mode", "add")
            return
        self.fields["points"] = worn(RatioField(decimals=decimals, label=_("Gives")), after=_("points"))
        if self.kind == "per_money":
            self.fields["per_amount"] = MoneyField(currency, label=_("For each"))
            self.initial["per_amount"] = part.get("per_amount_minor")
        if self.kind == "per_item":
            self.fields["per_quantity"] = worn(QuantityField(label=_("For each")), after=_("pieces"))
            self.initial["per_quantity"] = part.get("per_quantity_milli", 1000)
        if self.kind != "per_order":
            self.fields["full_steps"] = worn(
                forms.BooleanField(label=_("Only full steps count"), required=False), look="switch"
            )

    def _build_conditions(self, when: Document) -> None:
        names = formats.locale().days["format"]["abbreviated"]
        self.fields["weekdays"] = worn(
            forms.MultipleChoiceField(
                label=_("Weekdays"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=[(day, names[place]) for place, day in enumerate(WEEKDAYS)],
            ),
            look="choices",
        )  # fmt: skip
        self.fields["hours"] = HoursField(
            label=_("Hours"), help_text=_("For example 07:00-10:00, where the shop stands.")
        )
        self.fields["first_day"], self.fields["last_day"] = DayField(label=_("From")), DayField(label=_("Until"))
        for name, label, choices in (
            ("tiers", _("Tiers"), self.desk.tiers),
            ("locations", _("Shops"), list(self.desk.places.items())),
        ):
            kept = [(value, value) for value in when.get(name, ()) if value not in dict(choices)]
            if choices or kept:
                widget = forms.CheckboxSelectMultiple
                field = forms.MultipleChoiceField(label=label, required=False, widget=widget, choices=[*choices, *kept])
                self.fields[name] = worn(field, look="choices")
        self.fields["birthday"] = forms.ChoiceField(
            label=_("Birthday"), required=False,
            choices=[("", _("does not matter")), ("day", _("on the day")), ("week", _("in the week")),
                     ("month", _("in the month"))],
        )  # fmt: skip
        self.fields["minimum_amount_minor"] = MoneyField(
            self.desk.currency, label=pgettext("threshold", "From"), required=False
        )
        self.fields["below_amount_minor"] = MoneyField(self.desk.currency, label=_("Below"), required=False)
        self.fields["minimum_quantity_milli"] = worn(
            QuantityField(label=_("At least"), required=False), after=_("pieces")
        )
        self.fields["nth_purchase"] = forms.IntegerField(
            label=_("Only purchase number"), min_value=1, required=False, help_text=_("1 is the first.")
        )
        self.fields["every_nth_purchase"] = forms.IntegerField(
            label=_("Every n-th purchase"), min_value=1, required=False, help_text=_("10 is the 10th, 20th …")
        )
        self.fields["channels"] = ListField(
            label=_("Channels"), help_text=_("As your tills send them, such as store, online.")
        )
        self.fields["without_points"] = worn(
            forms.BooleanField(label=_("Only if nothing was paid with points"), required=False), look="switch"
        )
        for name in ("weekdays", "hours", "first_day", "last_day", "tiers", "locations", "birthday", "channels",
                     "minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli", "nth_purchase",
                     "every_nth_purchase", "without_points"):  # fmt: skip
            self.initial[name] = when.get(name)

    def _build_details(self, part: Document) -> None:
        self.fields["net_of"] = worn(
            forms.MultipleChoiceField(
                label=_("Taken off the amount first"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=[("discounts", _("discounts")), ("tax", _("tax")), ("points", _("what was paid with points"))],
            ),
            look="choices",
        )  # fmt: skip
        self.initial["net_of"] = part.get("net_of", ["discounts"])
        if self.kind != "multiplier":
            self.fields["by_tier"] = worn(
                forms.BooleanField(label=_("Multiplied by the tier"), required=False), look="switch"
            )
            self.initial["by_tier"] = part.get("by_tier", True)
        self.fields["qualifying"] = worn(
            forms.BooleanField(label=_("Counts towards the tier"), required=False), look="switch"
        )
        self.initial["qualifying"] = part.get("qualifying", True)
        self.fields["priority"] = forms.IntegerField(
            label=_("Priority"),
            min_value=-1000,
            max_value=1000,
            required=False,
            help_text=_("Higher is looked at first."),
        )
        self.fields["stop"] = worn(
            forms.BooleanField(label=_("When it applies, later rules are not looked at"), required=False), look="switch"
        )
        self.add_pending(part.get("pending"), _("Points stay pending for"))

    def furnish(self) -> None:
        data = self.data if self.is_bound else None
        self.inner["expiry"] = ExpiryForm(self.desk, self.part.get("expiry"), data, may_inherit=True, prefix="expiry")

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if self.kind == "per_money" and read.get("per_amount") == 0:
            self.add_error("per_amount", _("More than nothing."))
        return read

    def written(self) -> Document:
        read = self.cleaned_data
        taken = {rule["code"] for rule in self.desk.document["earning"]["rules"]}
        found: Document = {
            "kind": self.kind,
            "code": self.part.get("code") or code_from(read["name"], taken, self.kind.replace("_", "-")),
            "name": self.text("name"),
            "when": self._when(),
            "only": self.goods("only"),
            "excluding": self.goods("excluding"),
            "net_of": read["net_of"],
            "caps": self.caps(),
            "priority": read["priority"] or 0,
            "stop": read["stop"],
            "pending": self.pending(),
            "expiry": self.inner["expiry"].written(),
            "qualifying": read["qualifying"],
        }
        if self.kind == "multiplier":
            return {**found, "factor": read["factor"], "mode": read["mode"], "of": read["of"]}
        found |= {"points": read["points"], "by_tier": read["by_tier"]}
        if self.kind == "per_money":
            found |= {"per_amount_minor": read["per_amount"], "full_steps": read["full_steps"]}
        if self.kind == "per_item":
            found |= {"per_quantity_milli": read["per_quantity"], "full_steps": read["full_steps"]}
        return found

    def _when(self) -> Document:
        read = self.cleaned_data
        plain = ("first_day", "last_day", "minimum_amount_minor", "below_amount_minor", "minimum_quantity_milli",
                 "nth_purchase", "every_nth_purchase")  # fmt: skip
        lists = ("weekdays", "hours", "locations", "channels", "tiers")
        return {
            **{name: read.get(name) for name in plain},
            **{name: list(read.get(name) or ()) for name in lists},
            "with_goods": self.goods("with_goods"),
            "birthday": read["birthday"] or None,
            "without_points": read["without_points"],
        }


class PointsForm(PartForm):
    """The points themselves, and what holds for all rules: names, rounding, exclusions, limits, pending, expiry."""

    plan: ClassVar[Any] = (
        ("", "", ("name",), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What a point is called"), "", ("singular", "singular__*", "plural", "plural__*"), True),
        (gettext_lazy("Counting"), "", ("decimals", "mode", "scope", "minimum_points", "stacking"), False),
        (gettext_lazy("Goods that never earn"), gettext_lazy("Gift cards, tobacco, delivery …"),
         ("excluding_categories", "excluding_skus"), False),
        (gettext_lazy("Limits over all rules"), "", ("cap_*",), True),
        (gettext_lazy("When points become spendable"), gettext_lazy("At once, if empty."),
         ("pending_days", "pending_until"), True),
    )  # fmt: skip

    def build(self) -> None:
        document = self.desk.document
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
        self.fields["minimum_points"] = worn(
            PointsField(self.desk.decimals, required=False, label=_("An order earns nothing below")), after=_("points")
        )
        self.fields["stacking"] = forms.ChoiceField(
            label=_("When several rules apply"),
            choices=[("all", _("all of them count")), ("best", _("the best one counts")), ("first", _("the first one counts"))],
        )  # fmt: skip
        self.add_goods("excluding", earning["excluding"], _("Categories"), _("SKUs"))
        self.add_caps(earning["caps"])
        self.add_pending(earning["pending"], _("Points stay pending for"))
        self.initial = {
            **self.initial,
            "decimals": points["decimals"], "mode": points["rounding"]["mode"], "scope": points["rounding"]["scope"],
            "minimum_points": points["minimum_points"], "stacking": earning["stacking"],
        }  # fmt: skip

    def furnish(self) -> None:
        data = self.data if self.is_bound else None
        self.inner["expiry"] = ExpiryForm(
            self.desk, self.desk.document["expiry"], data, may_inherit=False, prefix="expiry"
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
            "pending": self.pending(),
        }  # fmt: skip
        document["expiry"] = self.inner["expiry"].written()


class TiersForm(PartForm):
    """The ladder: what counts, over which window, and what happens when it ends."""

    plan: ClassVar[Any] = (
        ("", "", ("is_on", "basis", "window_kind", "window_months", "downgrade", "grace_days"), False),
    )  # fmt: skip

    def build(self) -> None:
        self.fields["is_on"] = worn(
            forms.BooleanField(label=_("Members rise through tiers"), required=False), look="switch"
        )
        self.fields["basis"] = forms.ChoiceField(
            label=_("What counts"),
            choices=[("qualifying_points", _("points earned")), ("spend", _("money spent")), ("purchases", _("number of purchases"))],
        )  # fmt: skip
        self.fields["window_kind"] = forms.ChoiceField(
            label=_("Counted over"),
            choices=[("rolling", _("the last months")), ("calendar_year", _("the calendar year")),
                     ("anniversary", _("a year from the day of joining"))],
        )  # fmt: skip
        months = forms.IntegerField(label=_("How many"), min_value=1, max_value=120, required=False)
        self.fields["window_months"] = worn(months, after=_("months"))
        self.fields["downgrade"] = forms.ChoiceField(
            label=_("When a window ends short of the tier"),
            choices=[("none", _("the tier stays")), ("one_level", _("one tier down")), ("by_value", _("down to what the value says"))],
        )  # fmt: skip
        grace = forms.IntegerField(label=_("Days of grace"), min_value=0, max_value=3660, required=False)
        self.fields["grace_days"] = worn(grace, after=_("days"))
        window = self.part.get("window") or {"kind": "rolling", "months": 12}
        self.initial = {
            "is_on": bool(self.part), "basis": self.part.get("basis", "qualifying_points"),
            "window_kind": window["kind"], "window_months": window.get("months", 12),
            "downgrade": self.part.get("downgrade", "by_value"), "grace_days": self.part.get("grace_days", 0),
        }  # fmt: skip

    def furnish(self) -> None:
        """A form for each level, and an empty one; a level without a name is taken away."""
        levels = self.part.get("levels") or [{"code": "member", "name": _("Member"), "threshold": 0}]
        data = self.data if self.is_bound else None
        basis = (data.get("basis") if data is not None else None) or self.initial["basis"]
        for place, level in enumerate([*levels, {}]):
            self.inner[f"levels/{place}"] = LevelForm(
                self.desk, level, data, basis=basis, place=place, is_new=not level, prefix=f"level{place}"
            )
        for form in self.inner.values():
            form.empty_permitted = True

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read["is_on"]:
            return None
        window: Document = {"kind": read["window_kind"]}
        if read["window_kind"] == "rolling":
            window["months"] = read["window_months"] or 12
        levels: list[Document] = []
        for form in self.inner.values():
            level = form.written()
            if level is not None:
                taken = {each["code"] for each in levels}
                if not level["code"]:
                    level["code"] = code_from(form.cleaned_data["name"], taken, "tier")
                levels.append(level)
        levels.sort(key=lambda level: level["threshold"])
        return {
            "basis": read["basis"], "levels": levels, "window": window, "downgrade": read["downgrade"],
            "grace_days": read["grace_days"] or 0,
        }  # fmt: skip

    def take_faults(self, faults: Any, pointer: str) -> None:
        """What is said of a level stands beside that level."""
        for fault in faults:
            names = fault.pointer.removeprefix(pointer).strip("/").split("/")
            form = self.inner.get("/".join(names[:2]))
            if form is not None and names[-1] in form.fields:
                form.add_error(names[-1], fault.detail)
            else:
                super().take_faults([fault], pointer)


class LevelForm(PartForm):
    """One tier."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "threshold", "multiplier"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What it gives"), "", ("benefits",), True),
    )

    def __init__(
        self,
        desk: Desk,
        part: Document | None,
        data: Any = None,
        *,
        basis: str,
        place: int,
        is_new: bool,
        **options: Any,
    ) -> None:
        self.basis, self.place, self.is_new = basis, place, is_new
        super().__init__(desk, part, data, **options)

    def build(self) -> None:
        self.add_text("name", _("Name"), required=False)
        label = _("Reached at")
        threshold: Any
        if self.basis == "spend":
            threshold = MoneyField(self.desk.currency, label=label, required=False)
        elif self.basis == "purchases":
            threshold = worn(forms.IntegerField(label=label, min_value=0, required=False), after=_("purchases"))
        else:
            threshold = worn(PointsField(self.desk.decimals, minimum=0, label=label, required=False), after=_("points"))
        self.fields["threshold"] = threshold
        self.fields["multiplier"] = worn(RatioField(label=_("Earns times"), required=False), before="×")
        self.fields["benefits"] = forms.CharField(
            label=_("Benefits"),
            required=False,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text=_("One on each line."),
        )
        self.initial.setdefault("multiplier", 1)
        kept = self.part.get("benefits") or []
        self.initial["benefits"] = "\n".join(self.desk.said(benefit) for benefit in kept)

    def clean(self) -> dict[str, Any]:
        read = super().clean() or self.cleaned_data
        if read.get("name") and read.get("threshold") is None and "threshold" not in self.errors:
            self.add_error("threshold", _("Say from where on members have this tier; 0 is everybody's."))
        return read

    def written(self) -> Document | None:
        read = self.cleaned_data
        if not read.get("name"):
            return None
        return {
            **{name: self.part[name] for name in ("expiry",) if self.part.get(name) is not None},
            "code": self.part.get("code", ""),
            "name": self.text("name"),
            "threshold": read["threshold"],
            "multiplier": read["multiplier"] if read["multiplier"] is not None else 1,
            "benefits": self._benefits(read["benefits"]),
        }

    def _benefits(self, typed: str) -> list[Any]:
        """A line that was not changed keeps its translations."""
        kept = {self.desk.said(benefit): benefit for benefit in self.part.get("benefits") or ()}
        return [kept.get(line.strip(), line.strip()) for line in typed.splitlines() if line.strip()]


class WelcomeForm(PartForm):
    """Points for joining, and for bringing somebody."""

    plan: ClassVar[Any] = (
        (gettext_lazy("For joining"), gettext_lazy("Empty: nothing."), ("welcome_points", "welcome_qualifying"), False),
        (gettext_lazy("For bringing a friend"), gettext_lazy("Both are paid when the friend first buys, and taken back if that purchase is returned."),
         ("referrer_points", "referee_points", "minimum_amount_minor", "within_days", "max_referrals"), False),
        (gettext_lazy("Details"), "", ("pending_days", "pending_until", "qualifying"), True),
    )  # fmt: skip

    def build(self) -> None:
        welcome, referral = self.desk.document["welcome"] or {}, self.desk.document["referral"] or {}
        decimals = self.desk.decimals
        self.fields["welcome_points"] = worn(
            PointsField(decimals, required=False, label=_("Welcome points")), after=_("points")
        )
        counts = _("Counts towards the tier")
        self.fields["welcome_qualifying"] = worn(forms.BooleanField(label=counts, required=False), look="switch")
        self.fields["referrer_points"] = worn(
            PointsField(decimals, required=False, label=_("For who brings")), after=_("points")
        )
        self.fields["referee_points"] = worn(
            PointsField(decimals, required=False, label=_("For who comes")), after=_("points")
        )
        self.fields["minimum_amount_minor"] = MoneyField(
            self.desk.currency, required=False, label=_("First purchase of at least")
        )
        within = forms.IntegerField(min_value=1, max_value=3660, required=False, label=_("Within"))
        self.fields["within_days"] = worn(within, after=_("days of joining"))
        most = forms.IntegerField(min_value=1, max_value=10**6, required=False, label=_("At most"))
        self.fields["max_referrals"] = worn(most, after=_("friends a member"))
        self.add_pending(referral.get("pending"), _("Points for friends stay pending for"))
        self.fields["qualifying"] = worn(
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
    )  # fmt: skip

    def build(self) -> None:
        decimals, part = self.desk.decimals, self.part
        self.fields["is_on"] = worn(forms.BooleanField(label=_("Points can pay"), required=False), look="switch")
        self.fields["points"] = worn(PointsField(decimals, required=False, label=_("This many")), after=_("points"))
        self.fields["amount_minor"] = MoneyField(self.desk.currency, required=False, label=_("… are worth"))
        for name, label in (
            ("minimum_points", _("At least")),
            ("step_points", _("In steps of")),
            ("maximum_points", _("At most")),
        ):
            self.fields[name] = worn(PointsField(decimals, required=False, label=label), after=_("points"))
        share = forms.IntegerField(min_value=1, max_value=100, required=False, label=_("Of an order, at most"))
        self.fields["max_share_percent"] = worn(share, after="%")
        self.initial = {"is_on": bool(part), **part}

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
        }


class RewardForm(PartForm):
    """A reward of the catalogue."""

    plan: ClassVar[Any] = (
        ("", "", ("name", "price_points", "amount_minor", "percent", "max_minor", "minimum_total_minor"), False),
        (gettext_lazy("In other languages"), "", ("name__*",), True),
        (gettext_lazy("What members read"), "", ("description", "description__*"), True),
        (gettext_lazy("Which goods"), gettext_lazy("Leave empty to let the cashier decide."),
         ("goods_categories", "goods_skus"), True),
        (gettext_lazy("How many, and for whom"), "", ("stock", "limit_count", "limit_per", "tiers"), False),
        (gettext_lazy("When"), "", ("first_day", "last_day", "hold_minutes"), True),
    )  # fmt: skip

    def __init__(self, desk: Desk, part: Document | None, data: Any = None, *, kind: str, **options: Any) -> None:
        self.kind = kind
        super().__init__(desk, part, data, **options)

    def build(self) -> None:
        part, currency = self.part, self.desk.currency
        self.add_text("name", _("Name"))
        self.add_text("description", _("Description"), required=False, lines=3)
        self.fields["price_points"] = worn(PointsField(self.desk.decimals, label=_("Price")), after=_("points"))
        if self.kind == "discount":
            self.fields["amount_minor"] = MoneyField(currency, label=_("Takes off"))
        if self.kind == "percentage":
            percent = forms.IntegerField(min_value=1, max_value=100, label=_("Takes off"))
            self.fields["percent"] = worn(percent, after="%")
        if self.kind in ("percentage", "product"):
            label = _("At most") if self.kind == "percentage" else _("Up to a price of")
            self.fields["max_minor"] = MoneyField(currency, label=label, required=False)
        if self.kind in ("percentage", "discount"):
            self.fields["minimum_total_minor"] = MoneyField(currency, label=_("On orders from"), required=False)
        if self.kind == "product":
            self.add_goods("goods", part.get("goods"), _("Categories"), _("SKUs"))
        self.fields["stock"] = forms.IntegerField(
            min_value=0, max_value=10**9, required=False, label=_("How many there are"),
            help_text=_("All there ever were, those taken already among them. Empty: no limit."),
        )  # fmt: skip
        limit = part.get("per_member") or {}
        self.fields["limit_count"] = forms.IntegerField(
            min_value=1, max_value=10**6, required=False, label=_("Each member at most")
        )
        self.fields["limit_per"] = forms.ChoiceField(label=_("In a"), choices=_per()[1:], required=False)
        self.initial["limit_count"], self.initial["limit_per"] = limit.get("count"), limit.get("per", "ever")
        if self.desk.tiers:
            tiers = forms.MultipleChoiceField(
                label=_("Only for members on"), required=False, widget=forms.CheckboxSelectMultiple,
                choices=self.desk.tiers, help_text=_("None chosen: for all."),
            )  # fmt: skip
            self.fields["tiers"] = worn(tiers, look="choices")
        self.fields["first_day"], self.fields["last_day"] = DayField(label=_("From")), DayField(label=_("Until"))
        hold = forms.IntegerField(
            min_value=1, max_value=43200, required=False, label=_("A hold lasts"),
            help_text=_("Points set aside and not captured come back after this."),
        )  # fmt: skip
        self.fields["hold_minutes"] = worn(hold, after=_("minutes"))

    def written(self) -> Document:
        read, part = self.cleaned_data, self.part
        taken = {reward["code"] for reward in self.desk.document["rewards"]}
        found: Document = {
            "kind": self.kind,
            "code": part.get("code") or code_from(read["name"], taken, "reward"),
            "name": self.text("name"),
            "description": self.text("description"),
            "price_points": read["price_points"],
            "stock": read["stock"],
            "per_member": {"count": read["limit_count"], "per": read["limit_per"] or "ever"}
            if read["limit_count"]
            else None,
            "tiers": read.get("tiers", []),
            "first_day": read["first_day"],
            "last_day": read["last_day"],
            "hold_minutes": read["hold_minutes"] or 15,
            "image": part.get("image"),
        }
        for name in ("amount_minor", "percent", "max_minor", "minimum_total_minor"):
            if name in read:
                found[name] = read[name]
        if self.kind == "product":
            found["goods"] = self.goods("goods")
        return found


class TrialForm(forms.Form):
    """A basket to try."""

    amount = forms.CharField(max_length=30, required=False)
    category = forms.CharField(max_length=100, required=False)
    tier = forms.ChoiceField(required=False)
    at = forms.DateTimeField(
        required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    ordinal = forms.IntegerField(min_value=1, max_value=10**6, required=False)
    is_birthday = forms.BooleanField(required=False)

    def __init__(self, desk: Desk, data: Any = None, **options: Any) -> None:
        super().__init__(data, prefix="try", **options)
        self.use_required_attribute = False
        self.fields["amount"] = MoneyField(desk.currency, label=_("Basket"), required=False)
        tier = forms.ChoiceField(label=_("Member's tier"), required=False, choices=desk.tiers)
        self.fields["category"].label = _("Category")
        self.fields["tier"] = tier
        if not desk.tiers:
            del self.fields["tier"]
        self.fields["at"].label = _("When")
        self.fields["ordinal"].label = _("Their purchase number")
        self.fields["is_birthday"].label = _("It is their birthday")
