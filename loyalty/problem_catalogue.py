"""Every code a refusal can carry, with what it means and what to do: the one list behind answers and error pages.

Code and status are those of the exception's class (`merchants.errors`); here they are explained.  The API answers and documents by it, the console lists it.  Titles are shown to people and translated; meanings are for developers and in English, like the rest of the API's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from merchants.errors import STATUSES


@dataclass(frozen=True, slots=True)
class Kind:
    """One code explained: its title, what it means, and what the caller should do."""

    title: Any
    meaning: str
    remedy: str


def in_order() -> list[tuple[int, str, Kind]]:
    """Return all kinds with their status and code, by these."""
    return sorted(((status_of(code), code, kind) for code, kind in KINDS.items()), key=lambda each: each[:2])


def status_of(code: str) -> int:
    """Return the HTTP status of a code, as its exception class has it."""
    return STATUSES[code]


_FIX = "Correct the request. Sending the same again will be refused again; nothing was changed."
_NEW = "Take another tender, or try again with a new external_id."
_LATER = "Send the same request again, with the same external_id, after the seconds in Retry-After."

KINDS: dict[str, Kind] = {
    # The request itself
    "malformed_json": Kind(_("Not valid JSON"), "The body is not JSON in UTF-8 as RFC 8259 has it.", _FIX),
    "duplicate_key": Kind(
        _("A field is sent twice"),
        "An object names the same field twice; readers disagree which one counts.",
        _FIX,
    ),
    "too_deep": Kind(_("Nested too deeply"), "The body nests objects or lists more than 32 deep.", _FIX),
    "body_missing": Kind(_("The body is missing"), "This call needs a JSON object as its body.", _FIX),
    "invalid_request": Kind(
        _("The request has errors"),
        "Fields are missing, unknown, of the wrong type, or out of range. Each is listed in errors with its pointer.",
        _FIX,
    ),
    "invalid_query": Kind(
        _("The query has errors"), "A query parameter is unknown, sent twice, or not what it should be.", _FIX
    ),
    "invalid_cursor": Kind(
        _("The cursor is not valid"),
        "The cursor was not made by this list, or was changed on its way.",
        "Use next_cursor of the page before as it is, or begin again without a cursor.",
    ),
    "unknown_host": Kind(
        _("Not this host"),
        "The Host header names none of the installation's hosts (ALLOWED_HOSTS).",
        "Call the address that the quickstart shows.",
    ),
    "external_id_required": Kind(
        _("The external_id is missing"),
        "A call that moves points must be repeatable without moving them twice, so it carries an id of yours.",
        "Send external_id in the body, or the Idempotency-Key header: the receipt number of the till will do.",
    ),
    "external_id_mismatch": Kind(
        _("Two ids that differ"),
        "The body's external_id and the header Idempotency-Key name two different documents.",
        "Send one of them, or the same in both.",
    ),
    "body_too_large": Kind(
        _("The body is too large"), "The body is larger than this call takes.", "Send smaller batches."
    ),
    "request_timeout": Kind(
        _("The body did not come in time"),
        "The body must have come within five seconds, and a second more for each 64 KiB of it. Nothing was changed.",
        "Send the whole request again: the same external_id is recorded once.",
    ),
    "body_cut_off": Kind(
        _("The body was cut off"), "The connection ended before the announced Content-Length.", "Send it again."
    ),
    "length_required": Kind(
        _("The length is missing"),
        "The server in front of this API does not take a body in chunks.",
        "Send the body with a Content-Length.",
    ),
    "unsupported_content_encoding": Kind(
        _("The body is compressed"),
        "A request's body is read as it comes: Content-Encoding is not supported.",
        "Send the body without compression.",
    ),
    "unsupported_media_type": Kind(
        _("Not application/json"),
        "The body must be application/json in UTF-8.",
        "Set Content-Type: application/json.",
    ),
    "method_not_allowed": Kind(
        _("Method not allowed"), "This address does not know this method.", "See the Allow header."
    ),
    "route_not_found": Kind(_("No such address"), "There is no such call.", "See /api/docs."),
    # Who asks
    "key_missing": Kind(
        _("The API key is missing"), "No Authorization header came.", "Send Authorization: Bearer lk_…"
    ),
    "key_invalid": Kind(
        _("The API key is not valid"), "The key is not known here.", "Check for a cut or mixed-up key."
    ),
    "key_revoked": Kind(
        _("The API key was revoked"), "Somebody at the merchant ended this key.", "Ask the merchant for a new one."
    ),
    "key_expired": Kind(
        _("The API key has expired"), "The key's time is over, or the overlap of its rotation.", "Use the new key."
    ),
    "merchant_closed": Kind(_("This merchant is closed"), "The merchant has left this installation.", "Stop calling."),
    "scope_missing": Kind(
        _("The key may not do this"),
        "The key lacks the scope that this call needs; the answer names it.",
        "Issue a key with that scope in the console.",
    ),
    "rate_limited": Kind(
        _("Too many requests"),
        "This key has used its share for the moment. Nothing was changed.",
        "Wait for Retry-After seconds, then send the same request again.",
    ),
    # Ours to put right
    "unavailable": Kind(
        _("Not available for a moment"),
        "The database is restarting, out of reach, or busy. The call may or may not have been carried out.",
        _LATER,
    ),
    "busy": Kind(
        _("Too many requests at once"),
        "As many requests as may wait do so already, of this merchant or of all. This one was not begun.",
        _LATER,
    ),
    "internal_error": Kind(
        _("Something went wrong here"),
        "A defect on our side; it has been logged under request_id. Nothing was changed.",
        "Keep the request and send it again later with the same external_id; tell us the request_id.",
    ),
    # General
    "invalid": Kind(_("Cannot be meant"), "The request is well-formed and contradicts itself.", _FIX),
    "not_found": Kind(_("Not found"), "There is no such thing at this merchant.", "Check the id."),
    "may_not_make_debt": Kind(
        _("This key may not make debt"),
        "allow_debt was sent with a key that has no adjustments:debt.",
        "Leave allow_debt out, or use a key with adjustments:debt.",
    ),
    # Members
    "member_not_found": Kind(
        _("No such member"),
        "Nobody at this merchant has this id, card, phone, e-mail or code.",
        "Offer to enrol the customer (POST /members), or sell without a member: the sale can be claimed later.",
    ),
    "contact_taken": Kind(
        _("Already in use"),
        "Another member of this merchant has this e-mail, phone or card. Who it is, is not said.",
        "Look the member up by it (POST /members/lookup) instead of enrolling again.",
    ),
    "contact_is_members_own": Kind(
        _("Only the member changes this"),
        "The member signs in with their e-mail or phone: whoever changed it would take the membership over. Nothing was "
        "changed.",
        "Let the member change it in the portal, or staff in the console. A system that keeps contacts for the merchant "
        "takes a key with the scope members:contacts: the old contact is told.",
    ),
    "external_id_taken": Kind(
        _("The external_id is in use"), "Another member of this merchant has this external_id.", _FIX
    ),
    "identifier_missing": Kind(
        _("No contact, card or id"),
        "A member needs a phone, an e-mail, a card or an external_id: one without could never be found again.",
        "Send one of the four.",
    ),
    "ambiguous_reference": Kind(
        _("Not exactly one reference"), "A member is named by exactly one thing: id, card, phone, …", _FIX
    ),
    "contact_unreadable": Kind(
        _("Not a telephone number or e-mail"), "It cannot be one, also not in the merchant's country.", _FIX
    ),
    "unknown_location": Kind(_("No such location"), "The merchant has no location with this code.", _FIX),
    "unknown_referrer": Kind(
        _("Unknown code of a friend"), "referred_by is a member's code for inviting friends.", _FIX
    ),
    "already_referred": Kind(
        _("It is too late to say who brought them"),
        "Another member brought this one, or they have bought already.",
        "Leave referred_by out.",
    ),
    "invalid_birthday": Kind(_("Not a birthday"), "No year has such a day.", _FIX),
    "invalid_card": Kind(_("Not a card number"), "A card number is 4 to 64 letters, digits or dashes.", _FIX),
    "member_merged": Kind(
        _("Merged into another"),
        "This member was merged: the one they were merged into is the person now.",
        "Read the member (GET /members/{id} answers the other), and erase that one.",
    ),
    "merged_already": Kind(
        _("Merged before"),
        "One of the two was merged into somebody else.",
        "Undo that merge first, or name the other.",
    ),
    "open_holds": Kind(
        _("Points are set aside"),
        "The member to be merged has open holds.",
        "Capture or release them, then merge.",
    ),
    "merge_not_found": Kind(_("No such merge"), "The merchant has no merge with this id.", "Check the id."),
    "merged_further": Kind(_("Merged in turn"), "The target was itself merged since.", "Undo the later merge first."),
    "transfers_off": Kind(
        _("Points cannot be given"), "The terms in force do not let members give points.", "Tell the member."
    ),
    "transfer_outside_limits": Kind(
        _("Too few or too many"),
        "The terms allow between minimum_points and maximum_points in one transfer.",
        "Ask again with another number, under a new external_id.",
    ),
    "transfer_month_limit_reached": Kind(
        _("The month's limit is reached"),
        "The giver has given, or the receiver was given, as much as a calendar month allows.",
        "Give at most what is left, under a new external_id, or wait for the next month.",
    ),
    "card_not_found": Kind(_("No such card"), "This member has no such card.", "Read the member's cards."),
    "code_not_found": Kind(
        _("No such code"),
        "The code to replace is none that this member has or had.",
        "Read the member, and send the code it shows.",
    ),
    "card_blocked": Kind(
        _("The card is blocked"),
        "The card was lost or replaced; it neither earns nor spends.",
        "Find the member by phone or code, and give them a new card.",
    ),
    "live_code_expired": Kind(
        _("The moving code is over"),
        "The code of the member's phone is good for a minute and a half to find them, for five minutes to spend points. "
        "An older one may be a picture.",
        "Scan the code that is on the phone now.",
    ),
    "live_code_used": Kind(
        _("The moving code was used"),
        "Points were spent with this very code before, under another external_id.",
        "Scan the code that is on the phone now, and send it with a new external_id.",
    ),
    "live_code_needed": Kind(
        _("The moving code is needed"),
        "This merchant lets points be spent at the till only with the moving code of the member's phone.",
        "Scan that code and send it as member.code. A hold the member made on the phone needs none: capture it.",
    ),
    "static_code_earns_only": Kind(
        _("This code only collects"),
        "The code that stands in the member's portal collects points and does not spend them, unless the merchant lets it.",
        "Scan the moving code on the phone and send it as member.code; or name the member by card, phone, id or external_id.",
    ),
    "till_limit_reached": Kind(
        _("So much is spent with the moving code only"),
        "A till names members at its word. So the merchant limits what tills spend of one member in a day: `limit`, of which "
        "`left` is left. What is spent with the moving code does not count.",
        "Scan the moving code on the phone and send it as member.code.",
    ),
    "spending_stopped": Kind(
        _("Spending is stopped"),
        "The member, or the shop's staff, have stopped spending for this membership. Purchases earn as ever.",
        "Record the sale without points. The member allows spending again in the portal, or staff do in the console.",
    ),
    "member_blocked": Kind(
        _("The member is blocked"), "The merchant has blocked this membership.", "Send the member to the merchant."
    ),
    "member_erased": Kind(_("The member was erased"), "The person asked to be forgotten.", "Enrol them anew."),
    # Documents that move points
    "external_id_reused": Kind(
        _("This id was used for something else"),
        "The external_id was sent before with other content. What was recorded then still stands.",
        "A bug in the till if it means the same sale; for a new one send a new id.",
    ),
    "occurred_at_out_of_bounds": Kind(
        _("The time cannot be"),
        "occurred_at lies days ahead, or further back than the merchant accepts (30 days unless changed).",
        "Set the till's clock, or send it along as sent_at. Old sales need a key with purchases:backfill; one with "
        "purchases:accept_unknown_time keeps and marks what cannot be true.",
    ),
    "occurred_at_too_early": Kind(
        _("The time has not come yet"),
        "occurred_at is more than 5 minutes (unless changed) and less than 2 days ahead of our clock. Nothing is wrong with "
        "the sale: the till's clock is fast.",
        "Send the same request again, with the same external_id, after the seconds in Retry-After; or at once with the "
        "till's clock as sent_at. Set the till's clock.",
    ),
    "totals_disagree": Kind(_("The sums disagree"), "The lines or the tenders do not come to total_minor.", _FIX),
    "wrong_currency": Kind(_("Another currency"), "A merchant sells in one currency.", _FIX),
    "too_many_points": Kind(
        _("Too many points"), "The account would hold more than 9,007,199,254,740,991 of the smallest unit.", _FIX
    ),
    "purchase_not_found": Kind(
        _("No such purchase"),
        "The merchant has no purchase with this id. (By external_id a refund may come before its purchase.)",
        "Check the id, or name the purchase by its external_id.",
    ),
    "refund_not_found": Kind(_("No such refund"), "The merchant has no refund with this id.", "Check the id."),
    "adjustment_not_found": Kind(
        _("No such adjustment"), "The merchant has no adjustment with this id.", "Check the id."
    ),
    "transfer_not_found": Kind(_("No such transfer"), "The merchant has no transfer with this id.", "Check the id."),
    "refund_too_large": Kind(
        _("More than is left"),
        "The refund takes back more than was sold and not yet refunded. Nothing was changed.",
        "Read the purchase's refunds; send what is left.",
    ),
    "line_refunded": Kind(
        _("The line has come back"),
        "More of one line would come back than is left of it; left_quantity and left_minor say what is. Nothing was changed.",
        "Send what is left of the line, or leave it out.",
    ),
    "unknown_line": Kind(
        _("No such line"),
        "The purchase has no line with this id. A line has the id it was sold under, or its position from 1.",
        "Read the purchase (GET /purchases/{id}) for the ids of its lines.",
    ),
    "purchase_claimed": Kind(
        _("It has a member already"),
        "The purchase was sold to a member, or claimed by one. Nothing was added.",
        "Read the receipt again: each can be claimed once.",
    ),
    "purchase_refunded": Kind(
        _("It was taken back"), "All of the purchase was refunded: nothing is left to earn by.", "Tell the member."
    ),
    "claim_too_late": Kind(
        _("Too late to claim"),
        "The purchase is older than the merchant lets receipts be claimed.",
        "Tell the member; the merchant's settings say how many days there are.",
    ),
    "quote_expired": Kind(
        _("The quote has expired"), "A quote holds for 15 minutes.", "Ask for a new quote and show it."
    ),
    "quote_changed": Kind(
        _("The quote no longer holds"),
        "Terms, tier or a limit changed since; it is never silently priced again.",
        "Ask for a new quote and show it.",
    ),
    "insufficient_points": Kind(
        _("Not enough points"),
        "Fewer points are spendable than asked for. This answer is kept: the same external_id answers it for ever.",
        "Take another tender; a new try needs a new external_id.",
    ),
    "account_frozen": Kind(
        _("The account is being checked"),
        "Reconciliation found a fault: the member may earn and may not spend until somebody looked.",
        "Take another tender and tell the merchant.",
    ),
    # Events and webhooks
    "webhook_endpoint_not_found": Kind(_("No such endpoint"), "The merchant has no such endpoint.", _FIX),
    "webhook_delivery_not_found": Kind(_("No such delivery"), "Deliveries are kept for 30 days.", _FIX),
    "event_not_found": Kind(_("No such event"), "Events are kept for 30 days after delivery.", _FIX),
    "webhook_address_refused": Kind(
        _("This address is not called"), "The address is not https, or not on the public internet.", _FIX
    ),
    "webhook_endpoint_disabled": Kind(_("The endpoint is disabled"), "Nothing is sent to it.", "Enable it first."),
    "too_many_webhook_endpoints": Kind(_("Too many endpoints"), "A merchant may have twenty.", "Delete one first."),
    "too_many_events_to_replay": Kind(_("Too much at once"), "The span holds too many events.", "Take a later since."),
    "unknown_event_kind": Kind(_("No such kind of event"), "One of the kinds does not exist.", _FIX),
    # Surveys
    "survey_answered_already": Kind(
        _("Answered already"),
        "The member answered within 90 days, or about this purchase.",
        "Nothing: the first answer stands.",
    ),
    # Redemptions: a refusal is kept, the same external_id answers it for ever
    "redemption_not_found": Kind(_("No such redemption"), "Nothing is known by this id or code.", "Check the code."),
    "redemption_ended": Kind(
        _("It has ended"),
        "The redemption was captured, released, undone or timed out before; the answer names its state.",
        "Read the redemption; hold again with a new external_id if the member still wants it.",
    ),
    "redemption_still_held": Kind(_("It is only held"), "Nothing was spent yet.", "Release it instead."),
    "hold_expired": Kind(_("The hold's time is over"), "The points went back to the member.", _NEW),
    "capture_too_large": Kind(_("More than is held"), "The capture asks for more points than the hold has.", _NEW),
    "part_of_a_reward": Kind(_("A reward is whole"), "A reward cannot be captured in part.", _FIX),
    "unknown_reward": Kind(_("No such reward"), "The terms in force know no reward by this code.", _FIX),
    "unknown_stamp_card": Kind(_("No such stamp card"), "The terms in force have no stamp card by this code.", _FIX),
    "unknown_own_reward": Kind(_("No such own reward"), "The member owns no reward by this id, and never did.", _FIX),
    "own_reward_gone": Kind(
        _("The own reward is gone"),
        "It was taken, set aside, revoked, or its last day is over; `state` says which.",
        _NEW,
    ),
    "reward_not_on_offer": Kind(_("Not on offer now"), "It is before its first day or after its last.", _NEW),
    "reward_for_other_tiers": Kind(_("For other tiers"), "The member's tier may not have this reward.", _NEW),
    "reward_sold_out": Kind(_("Sold out"), "There is none left of this reward.", _NEW),
    "reward_limit_reached": Kind(_("The limit is reached"), "The member has had it as often as allowed.", _NEW),
    "order_total_required": Kind(_("The order's total is needed"), "Send order_total_minor.", _FIX),
    "order_total_too_small": Kind(_("The order is too small"), "The reward needs a larger order.", _NEW),
    "points_pay_nothing": Kind(_("Points cannot pay here"), "The terms do not let points pay.", _NEW),
    "points_below_minimum": Kind(_("Too few points"), "The terms ask for more points at once.", _NEW),
    "points_above_maximum": Kind(_("Too many points at once"), "The terms allow fewer points at once.", _NEW),
    "points_not_a_step": Kind(_("Not a step"), "Points pay in steps; the answer names the step.", _NEW),
    "points_worth_nothing": Kind(_("Worth nothing"), "So few points are worth nothing in money.", _NEW),
    "points_not_for_these_goods": Kind(
        _("Not for these goods"),
        "The terms keep some goods of the purchase from being paid with points; the answer names what the others come to.",
        _NEW,
    ),
    "points_above_share": Kind(
        _("Too much of the order"), "Points may pay only a share of the order; the answer names the most.", _NEW
    ),
    # Programme
    "invalid_programme": Kind(
        _("The programme has errors"),
        "The document breaks its schema, its own rules, or a worked example it carries. Each is listed in errors.",
        _FIX,
    ),
    "draft_moved": Kind(
        _("The draft has changed"),
        "Somebody saved since it was read.",
        "Read it again, and save your change again.",
    ),
    "nothing_to_publish": Kind(_("No changes to publish"), "It says exactly what is published already.", "Nothing."),
    "version_not_found": Kind(_("No such version"), "There is no version with this number.", "List the versions."),
    # Numbers
    "no_such_period": Kind(_("No such period"), "The key names no period.", _FIX),
}
