"""What spending in one transaction needs to know: read once under the account locks, set-based, and then the stock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.db import connection
from django.db.models import Q

from merchants import ids
from merchants.models.merchants import Merchant
from rewards.counters import Counters, of_stock
from rewards.models.own_rewards import OwnReward
from rewards.models.redemptions import Redemption
from rewards.own_rewards import OwnRewards
from rewards.points import Book
from rewards.points.lots import spending_order
from rewards.redemptions import catalogues, offers
from rewards.redemptions.folding import Spendings
from rewards.redemptions.inputs import Ask
from rewards.versions import Timeline

State = Redemption.State
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def read_spendings(
    merchant: Merchant, book: Book, timeline: Timeline, asks: Iterable[Ask], *, row_ids: Sequence[int] = (),
    purchase_id: int | None = None, counters: Counters | None = None, own: OwnRewards | None = None,
) -> Spendings:  # fmt: skip
    """Read what the asks may need, under the account locks and set-based; then lock the stock.

    With them the redemptions of `row_ids`, and those that were spent on a purchase. Stock is counted in `counters`, the
    transaction's own when it has others as well; so are `own` rewards kept.
    """
    wanted = list(asks)
    found = Spendings(
        merchant=merchant, timeline=timeline, counters=counters or Counters(),
        own=own or OwnRewards(merchant.pk, book.now),
    )  # fmt: skip
    named = {ask.own_reward for ask in wanted if ask.own_reward is not None}
    if named:
        found.own.read(account.member_id for account in book.accounts.values() if account.has_all_lots)
    own_rows = [row for row in found.own.rows if row.public_id in named]
    _read_rows(book, found, wanted, row_ids, purchase_id, own_rows)
    found.own.read_ids(row.own_reward_id for row in found.rows.values() if row.own_reward_id is not None)
    rewards = {ask.reward for ask in wanted if ask.reward is not None} | {row.reward for row in own_rows}
    due = {row.reward for row in found.rows.values() if row.reward and row.state in {State.HELD, State.CAPTURED}}
    promised = [version.terms for version in timeline.versions]
    stock = [of_stock(code) for code in rewards | due if offers.counted(promised, code)]
    found.counters.lock(merchant.pk, stock)
    limited = [code for code in rewards if _is_limited(timeline, code)]
    new = sum(ask.id is None and ask.code is None for ask in wanted)
    if new:
        _read_context(book, found, limited, new)
    return found


def holding(merchant_id: int, own: Iterable[OwnReward]) -> list[int]:
    """Return the redemptions, by id, that set rewards of members' own aside."""
    held = [row.pk for row in own if row.state == OwnReward.State.HELD]
    if not held:
        return []
    rows = Redemption.objects.filter(merchant_id=merchant_id, own_reward_id__in=held, state=State.HELD)
    return list(rows.values_list("pk", flat=True))


def _is_limited(timeline: Timeline, code: str) -> bool:
    found = (offers.reward_of(version.terms, code) for version in timeline.versions)
    return any(reward is not None and reward.per_member is not None for reward in found)


def _read_rows(
    book: Book, found: Spendings, asks: Sequence[Ask], row_ids: Sequence[int], purchase_id: int | None,
    own_rows: Sequence[OwnReward],
) -> None:  # fmt: skip
    public_ids = [ask.id for ask in asks if ask.id is not None]
    codes = [ids.normalise(ask.code) for ask in asks if ask.code is not None]
    # Those whose lots are all read: who is locked to be paid only, as a referrer is, spends nothing here.
    by_member = {account.member_id: account for account in book.accounts.values() if account.has_all_lots}
    holders = [member_id for member_id, account in by_member.items() if account.held]
    chosen = Q()
    if public_ids:
        chosen |= Q(public_id__in=public_ids)
    if codes:
        chosen |= Q(code__in=codes)
    if holders:
        chosen |= Q(member_id__in=holders, state=State.HELD)
    if row_ids:
        chosen |= Q(id__in=list(row_ids))
    if purchase_id is not None:
        chosen |= Q(purchase_id=purchase_id, state=State.CAPTURED)
    set_aside = [row.pk for row in own_rows if row.state == OwnReward.State.HELD]
    if set_aside:
        # Such a hold keeps no points back, and may be over.
        chosen |= Q(own_reward_id__in=set_aside, state=State.HELD)
    if not chosen:
        return
    for row in Redemption.objects.filter(chosen, merchant_id=book.merchant_id).order_by("id"):
        found.rows[row.id] = row
    held = [row for row in found.rows.values() if row.state == State.HELD and row.member_id in by_member]
    if not held:
        return
    accounts = [by_member[row.member_id].id for row in held]
    moved = book.moved_by(accounts, "redemption", [row.id for row in held])
    for row in held:
        lots = {lot.id: lot for lot in by_member[row.member_id].lots if lot.id is not None}
        pinned = [(lots[lot], n) for lot, (_taken, n) in moved.get(row.id, {}).items() if n > 0]
        found.pins[row.id] = sorted(pinned, key=lambda pin: spending_order(pin[0]))


def _read_context(book: Book, found: Spendings, limited: Sequence[str], new: int) -> None:
    """New ids, and when the members took limited rewards.

    Overdue holds count here until `expire_due` has ended them: it takes them off the list again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('rewards_redemption_id_seq') FROM generate_series(1, %s)", [new])
        found.new_ids = [identity for (identity,) in cursor.fetchall()]
    if limited:
        members = [account.member_id for account in book.accounts.values()]
        for member_id, took in catalogues.taken_at(book.merchant_id, members, limited, _LONG_AGO).items():
            for reward, occurred_at in took:
                found.taken.setdefault((member_id, reward), []).append(occurred_at)
