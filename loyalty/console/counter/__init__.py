"""The counter: a cashier's phone or tablet without a till. Finding a member and enrolling one (`member_search`), a sale
(`sales`), a reward (`reward_pages`), and what was done lately on this shift (`shift`)."""
