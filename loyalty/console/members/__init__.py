"""Members: found and enrolled (`lists`), one of them with all there is to know (`one`, said by `wording`), what staff
may do about them (`member_actions`), and two memberships of one person made one (`merging`)."""
