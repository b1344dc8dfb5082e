# Every resource says whose it is, so that bills and alarms find somebody. `default_tags` of the
# stacks' providers see to it.
package main

import rego.v1

import data.plans

wanted_tags := {"Environment", "ManagedBy", "Stack"}

warn_tags contains msg if {
	some resource in plans.made
	tags := resource.change.after.tags_all
	missing := wanted_tags - {name | some name, _ in tags}
	count(missing) > 0
	msg := sprintf("%s has no tags %s", [resource.address, concat(", ", sort(missing))])
}
