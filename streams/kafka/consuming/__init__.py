"""From the broker to an agent: group membership, fetching, and which offsets may be committed."""
