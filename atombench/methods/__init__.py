"""Methods: what is compared. One file each, all behind the contract in `contract.py`."""
