"""Sub-commands of `atombench`, one file each: options, then a call into the room that does the work."""
