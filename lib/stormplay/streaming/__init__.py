"""Events of a storm as they happen: read, checked, applied once, and kept aside with the reason where that cannot be.

events     what a message says (pure)
applying   a batch of records, its dead letters and its offsets as one transaction
letters    what was not applied, and its replay
updates    what was applied, as it happens
dependents beliefs that rest on what was applied
consumer   the loop: a batch from Kafka (source), one transaction (service), the next; chores beside it
workers    the loop as one process or several
producing  events, sent; stand_in: the broker of the demo and of tests
"""
