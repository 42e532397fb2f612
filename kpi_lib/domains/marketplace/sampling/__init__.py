"""The parts of the marketplace's sample: customers, ledger, deals, contracts, recaps and listings."""
