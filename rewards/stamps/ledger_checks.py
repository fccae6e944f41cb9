"""What must agree between stamp cards, the entries of their changes, and the rewards that full ones brought."""

from __future__ import annotations

from typing import Final

from rewards.ledger_checks import IN_CHUNK, LedgerCheck

_CARDS = f"""
    SELECT x.account_id, 'the card ' || x.card || ' has ' || sum(x.stamps) || ' stamps and carries ' || sum(x.rest)
        || '; its entries say ' || sum(x.entered) || ' and ' || sum(x.entered_rest)
    FROM (
        SELECT s.account_id, b.card, b.stamps, b.rest, 0 AS entered, 0 AS entered_rest
        FROM rewards_membership s JOIN rewards_stampbook b ON b.merchant_id = s.merchant_id AND b.member_id = s.member_id
        WHERE {IN_CHUNK}
        UNION ALL SELECT s.account_id, e.card, 0, 0, e.stamps, e.rest
        FROM rewards_membership s JOIN rewards_stampentry e ON e.merchant_id = s.merchant_id AND e.member_id = s.member_id
        WHERE {IN_CHUNK}
    ) AS x GROUP BY x.account_id, x.card HAVING sum(x.stamps) <> sum(x.entered) OR sum(x.rest) <> sum(x.entered_rest)
"""

# A merge moves the reward, and not the entries of how it came.
_REWARDS = f"""
    SELECT max(x.account_id), x.name || ' took ' || sum(x.taken) || ' stamps and its entries say ' || sum(x.entered)
    FROM (
        SELECT s.account_id, o.public_id AS name,
            CASE WHEN o.state = 'revoked' THEN 0 ELSE o.stamps + o.lost END AS taken, 0 AS entered
        FROM rewards_membership s JOIN rewards_ownreward o ON o.merchant_id = s.merchant_id AND o.member_id = s.member_id
        WHERE {IN_CHUNK}
        UNION ALL SELECT NULL, e.own_reward, 0, -e.stamps
        FROM rewards_stampentry e
        WHERE e.merchant_id = %(merchant)s AND e.member_id = ANY(%(relatives)s) AND e.own_reward <> ''
    ) AS x GROUP BY x.name HAVING max(x.account_id) IS NOT NULL AND sum(x.taken) <> sum(x.entered)
"""

# A reward is set aside or taken by one redemption, and by no other.
_TAKEN = f"""
    SELECT s.account_id, o.public_id || ' is ' || o.state || ' and ' || count(r.id) || ' redemptions hold or took it'
    FROM rewards_membership s JOIN rewards_ownreward o ON o.merchant_id = s.merchant_id AND o.member_id = s.member_id
    LEFT JOIN rewards_redemption r ON r.merchant_id = o.merchant_id AND r.own_reward_id = o.id
        AND r.state IN ('held', 'captured')
    WHERE {IN_CHUNK} GROUP BY s.account_id, o.id
    HAVING count(r.id) <> CASE WHEN o.state IN ('held', 'taken') THEN 1 ELSE 0 END
"""

CHECKS: Final = (
    LedgerCheck("stamp_card", _CARDS),
    LedgerCheck("own_reward", _REWARDS),
    LedgerCheck("own_reward_taken", _TAKEN),
)
