/* A training loop in C under PhaseGuard: the decision about each batch holds for its own update.
 *
 *   cc -std=c99 loop.c -lphaseguard -lm -o loop && ./loop my-run [ENDPOINT]
 */
#include <math.h>
#include <stdio.h>

#include "phaseguard.h"

static const char kDeclaration[] =
    "{\"total_steps\": 20, \"requests\": [\"stop\"],"
    " \"knobs\": [{\"name\": \"kl\", \"unit\": \"1\", \"min\": 0, \"max\": 4, \"site\": \"batch\"}],"
    " \"signals\": [{\"name\": \"judge/score\", \"unit\": \"1\", \"min\": 0, \"max\": 1, \"every_steps\": 1},"
    "               {\"name\": \"train/loss\", \"unit\": \"nats\", \"every_steps\": 1}]}";

/* Answers what the daemon asks for; 1: it asks to stop. */
static int do_requests(phaseguard_session* session) {
  phaseguard_request request = {sizeof request, 0, 0, 0, 0, 0, NULL};
  int stop = 0;
  while (phaseguard_next_request(session, &request) == PHASEGUARD_OK) {
    const int known = request.type == PHASEGUARD_STOP;
    phaseguard_outcome(session, request.id, known ? PHASEGUARD_DONE : PHASEGUARD_REFUSED_REQUEST,
                       known ? "the loop ends" : "this loop only stops", -1);
    stop = stop || known;
  }
  return stop;
}

int main(int argc, char** argv) {
  phaseguard_options options;
  phaseguard_session* session;
  int64_t n;
  if (argc < 2) {
    fprintf(stderr, "usage: loop RUN [ENDPOINT]\n");
    return 2;
  }
  phaseguard_options_init(&options, sizeof options);
  options.run = argv[1];
  options.endpoint = argc > 2 ? argv[2] : NULL;
  options.on_start = PHASEGUARD_REQUIRE;
  options.start_wait_s = 5.0;
  if (phaseguard_start(&options, kDeclaration, &session) != PHASEGUARD_OK) {
    fprintf(stderr, "loop: %s\n", phaseguard_last_error());
    return 1;
  }
  for (n = 0; n < 20 && !do_requests(session); ++n) {
    const double score = n < 10 ? 0.1 : 0.95; /* of the batch to come */
    const phaseguard_sample sample = {sizeof sample, "judge/score", score, 0, NULL, 0, NAN, NAN};
    const phaseguard_report report = {sizeof report, &sample, 1, PHASEGUARD_OF_BATCH, 0, n + 1, 0, 0, NAN};
    const int32_t loss = 1; /* its place among the declared signals */
    const double value = 2.0 / (double)(n + 1);
    phaseguard_plan plan = {sizeof plan};
    phaseguard_decide(session, n, &report, 2.0);
    phaseguard_begin_step(session, n, &plan);
    printf("step %d: kl %.2f by %s\n", (int)n, plan.value, plan.cause);
    phaseguard_values(session, n + 1, &loss, &value, 1); /* after the update */
  }
  phaseguard_stop(session, "finished", 5.0);
  return 0;
}
