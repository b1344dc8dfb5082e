# What the policies share: how to look at a plan.
package plans

import rego.v1

# Managed resources that the apply touches, a replacement as well.
touched contains resource if {
	some resource in input.resource_changes
	resource.mode == "managed"
	some action in resource.change.actions
	action in {"create", "update", "delete"}
}

# Those that are there afterwards.
made contains resource if {
	some resource in touched
	some action in resource.change.actions
	action in {"create", "update"}
}

# Those that are there no longer, or as another one.
taken contains resource if {
	some resource in touched
	"delete" in resource.change.actions
}
