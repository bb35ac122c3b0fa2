/* The layout of the interface's structs as a C compiler has it: name, size, and where each field is. */
#include <stdio.h>

#include "phaseguard.h"

#define STRUCT(type) printf("%s %zu\n", #type, sizeof(phaseguard_##type))
#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(phaseguard_##type, field))

int main(void) {
  STRUCT(options), FIELD(options, run), FIELD(options, attempt), FIELD(options, lineage);
  FIELD(options, endpoint), FIELD(options, knob), FIELD(options, on_start), FIELD(options, profile);
  FIELD(options, start_wait_s), FIELD(options, journal_bytes);
  STRUCT(sample), FIELD(sample, signal), FIELD(sample, value), FIELD(sample, missing);
  FIELD(sample, items), FIELD(sample, item_count), FIELD(sample, lower), FIELD(sample, upper);
  STRUCT(report), FIELD(report, samples), FIELD(report, sample_count), FIELD(report, of);
  FIELD(report, batch), FIELD(report, part), FIELD(report, parts), FIELD(report, weight);
  STRUCT(plan), FIELD(plan, step), FIELD(plan, value), FIELD(plan, items), FIELD(plan, item_count);
  FIELD(plan, site), FIELD(plan, cause), FIELD(plan, decision), FIELD(plan, state_version);
  FIELD(plan, segment), FIELD(plan, source), FIELD(plan, link), FIELD(plan, shadow);
  FIELD(plan, answered), FIELD(plan, waited_s), FIELD(plan, knob_count);
  STRUCT(knob), FIELD(knob, name), FIELD(knob, value), FIELD(knob, items), FIELD(knob, item_count);
  FIELD(knob, site), FIELD(knob, cause), FIELD(knob, decision);
  STRUCT(request), FIELD(request, id), FIELD(request, before_step), FIELD(request, decision);
  FIELD(request, type), FIELD(request, reason);
  STRUCT(stats), FIELD(stats, reports), FIELD(stats, errors);
  return 0;
}
