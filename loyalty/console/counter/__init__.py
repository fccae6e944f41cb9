"""The counter: a cashier's phone or tablet without a till. Finding a member and enrolling one (`desk`), a sale
(`sales`), a reward (`handing`), and what was done lately on this shift (`shift`)."""
