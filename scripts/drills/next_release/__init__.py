"""What a next release would bring to each tenant, for the drill of a fleet's migration. No part of the product."""
