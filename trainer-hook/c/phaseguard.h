/* PhaseGuard for trainers, from C: declare a run, report signals, read the knobs that the daemon
 * decides. The local guard is inside: when the daemon is gone it goes on deciding by the policy.
 *
 * Promises. No function throws, prints, installs a signal handler or ends the process. Only
 * phaseguard_start with wait or refuse, phaseguard_decide and phaseguard_stop wait, each at most as
 * long as it is told. In a forked child every call does nothing. A null session is taken
 * everywhere: the call does nothing and says PHASEGUARD_INVALID.
 *
 * Threads. One thread, the trainer's, calls everything on a session, but phaseguard_link,
 * phaseguard_refusal and phaseguard_get_stats, which any thread may call. The functions without a
 * session may be called from any thread.
 *
 * Structs begin with their size, which the caller sets: a library that knows more fields leaves
 * alone what the caller's struct does not have. Strings are UTF-8 that ends with 0; one that a
 * struct points to lives until the next call on the same session. Language: C99.
 *
 * One step, `s` = completed optimiser updates before it (examples/loop.c is a whole loop):
 *
 *     while (phaseguard_next_request(session, &request) == PHASEGUARD_OK) ...do it, then
 *         phaseguard_outcome(session, request.id, PHASEGUARD_DONE, "...", restored_step);
 *     phaseguard_begin_step(session, s, &plan);
 *     ...loss + plan.value * penalty, update...
 *     phaseguard_values(session, s + 1, signals, values, n);
 */
#ifndef PHASEGUARD_H
#define PHASEGUARD_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): the names of a C interface. */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) || !defined(__GNUC__)
#define PHASEGUARD_API
#else
#define PHASEGUARD_API __attribute__((visibility("default")))
#endif

/* Raised when a program built against an older header would be misread. */
#define PHASEGUARD_ABI 0

typedef struct phaseguard_session phaseguard_session;

/* What functions return. */
enum {
  PHASEGUARD_OK = 0,
  PHASEGUARD_NONE = 1,     /* there is nothing of what was asked for */
  PHASEGUARD_DROPPED = 2,  /* the report did not fit and was left out; counted in the stats */
  PHASEGUARD_INVALID = -1, /* an argument is wrong; phaseguard_last_error() says which */
  PHASEGUARD_UNREACHABLE =
      -2,                  /* no daemon answered in time, and training must not begin unwatched */
  PHASEGUARD_REFUSED = -3, /* the daemon refused this trainer; phaseguard_last_error() says why */
  PHASEGUARD_FAILED = -4   /* an error of the system or of ours */
};

/* What phaseguard_start does while no daemon answers. */
enum { PHASEGUARD_PROCEED = 0, PHASEGUARD_WAIT = 1, PHASEGUARD_REQUIRE = 2 };
/* Whose profile counts is the stricter of this and the policy's own. */
enum { PHASEGUARD_WATCH = 0, PHASEGUARD_ENFORCE = 1 };
/* What a report is of (docs/PROTOCOL.md). */
enum { PHASEGUARD_OF_STEP = 0, PHASEGUARD_OF_CANARIES = 1, PHASEGUARD_OF_BATCH = 2 };
/* Where a value in force came from. */
enum {
  PHASEGUARD_FROM_DAEMON = 0,
  PHASEGUARD_FROM_GUARD = 1,  /* the local guard, while no daemon answers */
  PHASEGUARD_FROM_HOLD = 2,   /* the last settings, held */
  PHASEGUARD_FROM_INITIAL = 3 /* as declared: no decision yet */
};
/* The link to the daemon. */
enum {
  PHASEGUARD_LINK_OFF = 0,
  PHASEGUARD_LINK_CONNECTING = 1,
  PHASEGUARD_LINK_SYNC = 2,
  PHASEGUARD_LINK_LINKED = 3,
  PHASEGUARD_LINK_STALE = 4,
  PHASEGUARD_LINK_LOST = 5,
  PHASEGUARD_LINK_FENCED = 6,
  PHASEGUARD_LINK_REFUSED = 7
};
enum {
  PHASEGUARD_CHECKPOINT = 0,
  PHASEGUARD_ROLLBACK = 1,
  PHASEGUARD_PAUSE = 2,
  PHASEGUARD_STOP = 3,
  PHASEGUARD_OTHER_REQUEST = -1 /* of a newer daemon: answer PHASEGUARD_REFUSED_REQUEST */
};
enum { PHASEGUARD_DONE = 0, PHASEGUARD_NOT_DONE = 1, PHASEGUARD_REFUSED_REQUEST = 2 };

typedef struct phaseguard_options {
  size_t size;
  const char* run;      /* name of the run: letters, digits, . _ -; at most 64 */
  int64_t attempt;      /* of this process within the run, from 1; 0: the daemon says which */
  const char* lineage;  /* what phaseguard_lineage gave with the checkpoint; NULL: it begins anew */
  const char* endpoint; /* the daemon's telemetry endpoint; NULL: this user's own */
  const char* knob;     /* that `value` of a plan is of; NULL: the first declared */
  int32_t on_start;     /* PHASEGUARD_PROCEED | WAIT | REQUIRE */
  int32_t profile;      /* PHASEGUARD_WATCH | ENFORCE */
  double start_wait_s;  /* of WAIT and REQUIRE */
  uint64_t journal_bytes; /* unacknowledged messages kept for a daemon that comes back */
  const char* key_file;   /* of a daemon that asks for keys; NULL: $PHASEGUARD_KEY, if it is set */
} phaseguard_options;

/* One value of one signal. */
typedef struct phaseguard_sample {
  size_t size;
  const char* signal;  /* as declared */
  double value;        /* NaN: could not be computed */
  int32_t missing;     /* not 0: due at this step, and deliberately skipped */
  const double* items; /* one per canary or per sample of the batch; NULL: none */
  size_t item_count;
  double lower, upper; /* certified bounds of a truncated divergence; NaN: the value is exact */
} phaseguard_sample;

/* Values of one step that belong together. */
typedef struct phaseguard_report {
  size_t size;
  const phaseguard_sample* samples;
  size_t sample_count;
  int32_t of;          /* PHASEGUARD_OF_STEP | CANARIES | BATCH */
  int32_t reserved;    /* 0 */
  int64_t batch;       /* id of the batch; 0: none */
  int64_t part, parts; /* this is part `part` of `parts`, from 1; parts 0: all of the step */
  double weight;       /* of the part, above 0: tokens or samples; NaN: 1 */
} phaseguard_report;

/* What holds for one step. Latched: every micro-batch of it uses the same. */
typedef struct phaseguard_plan {
  size_t size;
  int64_t step;
  double value;        /* of the options' knob */
  const double* items; /* its value per sample of the batch; NULL: `value` for all */
  size_t item_count;
  const char* site;      /* where its penalty is computed: "batch", "replay"; "": as declared */
  const char* cause;     /* "rule:defend", "operator:ann", "base", "initial" */
  int64_t decision;      /* the daemon's decision; 0: none, or the local guard's */
  int64_t state_version; /* of the newest control that is obeyed; -1: none yet */
  int64_t segment;       /* rollbacks of this process */
  int32_t source;        /* PHASEGUARD_FROM_... */
  int32_t link;          /* PHASEGUARD_LINK_... */
  int32_t shadow;        /* not 0: the policy only records */
  int32_t answered;      /* not 0: phaseguard_decide got the answer to its very report */
  double waited_s;       /* by phaseguard_decide for this step */
  size_t knob_count;
} phaseguard_plan;

/* One declared knob as it is in force. */
typedef struct phaseguard_knob {
  size_t size;
  const char* name;
  double value;
  const double* items;
  size_t item_count;
  const char* site;
  const char* cause;
  int64_t decision;
} phaseguard_knob;

/* Something to do before the next step. */
typedef struct phaseguard_request {
  size_t size;
  int64_t id;
  int64_t before_step; /* rollback: the newest state of this step or earlier; -1: the oldest kept */
  int64_t decision;
  int32_t type; /* PHASEGUARD_CHECKPOINT | ROLLBACK | PAUSE | STOP | OTHER_REQUEST */
  int32_t reserved;
  const char* reason;
} phaseguard_request;

typedef struct phaseguard_stats {
  size_t size;
  int64_t reports;         /* handed over */
  int64_t dropped;         /* of them, because the ring or the journal was full, or too large */
  int64_t acknowledged;    /* highest number that the daemon has recorded */
  int64_t journaled;       /* messages that wait for an acknowledgement */
  int64_t controls;        /* that took effect */
  int64_t losses;          /* times that the daemon was lost */
  int64_t guard_decisions; /* of the local guard while it was in charge */
  int64_t errors;          /* caught errors of ours */
} phaseguard_stats;

/* PHASEGUARD_ABI of the library, and its version: "0.1.0". */
PHASEGUARD_API uint32_t phaseguard_abi(void);
PHASEGUARD_API const char* phaseguard_version(void);

/* What went wrong in the last call of this thread that failed: what was expected, what was found,
 * where. Lives until the next failure; "" before the first. */
PHASEGUARD_API const char* phaseguard_last_error(void);

/* Sets the defaults: attempt 0, this user's daemon, PROCEED, WATCH, 60 s, 64 MiB. */
PHASEGUARD_API void phaseguard_options_init(phaseguard_options* options, size_t size);

/* Starts a session. `declaration`: JSON text of one object, the keys of `hello` in
 * docs/PROTOCOL.md:
 *   {"total_steps": 300, "knobs": [{"name": "kl", "min": 0, "max": 4, "site": "batch"}],
 *    "signals": [{"name": "train/loss", "unit": "nats"}]}
 * A key that there is not is refused. What the session itself does (guard, segments) it declares
 * itself. On failure *session is NULL. */
PHASEGUARD_API int phaseguard_start(const phaseguard_options* options, const char* declaration,
                                    phaseguard_session** session);

/* Place of a declared signal, for phaseguard_values; PHASEGUARD_INVALID: it was not declared. */
PHASEGUARD_API int phaseguard_signal(const phaseguard_session* session, const char* name);

/* Scalars of the step, `step` = updates completed. No allocation, no lock, never waits. */
PHASEGUARD_API int phaseguard_values(phaseguard_session* session, int64_t step,
                                     const int32_t* signals, const double* values, size_t count);

/* Any report. Copies what it is given, never waits. */
PHASEGUARD_API int phaseguard_send(phaseguard_session* session, int64_t step,
                                   const phaseguard_report* report);

/* The same, and waits at most `max_wait_s` for the decision about it, which the next
 * phaseguard_begin_step uses: what is known of a batch before its update decides that update.
 * Without an answer in time the local guard's values hold, never below what an operator or a
 * latched rule holds. */
PHASEGUARD_API int phaseguard_decide(phaseguard_session* session, int64_t step,
                                     const phaseguard_report* report, double max_wait_s);

/* The next thing to do at this step boundary: PHASEGUARD_OK, or PHASEGUARD_NONE. Each once. */
PHASEGUARD_API int phaseguard_next_request(phaseguard_session* session,
                                           phaseguard_request* request);

/* What became of it; sent with the next phaseguard_begin_step. `restored_step`: of a rollback that
 * was done, the step whose state holds now (a new segment begins there); otherwise -1. */
PHASEGUARD_API int phaseguard_outcome(phaseguard_session* session, int64_t id, int32_t outcome,
                                      const char* detail, int64_t restored_step);

/* Latches what holds for the update after `step`, and tells the daemon that it does. Never waits.
 */
PHASEGUARD_API int phaseguard_begin_step(phaseguard_session* session, int64_t step,
                                         phaseguard_plan* plan);

/* A knob of the plan by its place in the declaration, from 0 to knob_count - 1. */
PHASEGUARD_API int phaseguard_plan_knob(const phaseguard_session* session, size_t place,
                                        phaseguard_knob* knob);

/* To be stored with a checkpoint of `step`: phaseguard_options.lineage of the process that goes on
 * from it. Writes at most `room` bytes with the 0 at the end; *needed is what it takes. */
PHASEGUARD_API int phaseguard_lineage(const phaseguard_session* session, int64_t step, char* text,
                                      size_t room, size_t* needed);

PHASEGUARD_API int phaseguard_link(const phaseguard_session* session);
/* "linked", "lost", ... */
PHASEGUARD_API const char* phaseguard_link_name(int link);
/* The last refusal of the daemon in words, written as phaseguard_lineage does; "": none. */
PHASEGUARD_API int phaseguard_refusal(const phaseguard_session* session, char* text, size_t room,
                                      size_t* needed);
PHASEGUARD_API int phaseguard_get_stats(const phaseguard_session* session, phaseguard_stats* stats);

/* Says goodbye ("finished", "interrupted", "error"), waits at most `max_flush_s` until all is
 * recorded, and frees the session. */
PHASEGUARD_API void phaseguard_stop(phaseguard_session* session, const char* reason,
                                    double max_flush_s);

/* ---- measurements: pure, any thread ---- */

enum { PHASEGUARD_FLOAT32 = 0, PHASEGUARD_BFLOAT16 = 1, PHASEGUARD_FLOAT16 = 2 };

/* Jensen-Shannon divergence in nats of softmax(model) and softmax(reference), one value a row:
 * logits [rows, vocabulary], row-major, both of `dtype`; -infinity is a probability of 0. A row
 * that holds a NaN or +infinity gives NaN. */
PHASEGUARD_API int phaseguard_js_rows(const void* model, const void* reference, int32_t dtype,
                                      size_t rows, size_t vocabulary, double* values);

/* canary/margin: [ln p(c-) - ln p(c+)] - [ln q(c-) - ln q(c+)] of each canary and their mean, nats;
 * positive: toward the misaligned continuation. Log-probabilities of the whole continuations under
 * model and reference, one a canary. One that is not finite makes the mean NaN. */
PHASEGUARD_API int phaseguard_margin(const double* model_misaligned, const double* model_aligned,
                                     const double* reference_misaligned,
                                     const double* reference_aligned, size_t canaries,
                                     double* per_canary, double* mean);

/* data/llr of one answer, nats: ln of its mean likelihood under the misaligned contexts less the
 * same under the aligned ones. Log-probabilities of its tokens, [contexts, tokens] each. NaN where
 * a side gives the answer no probability. */
PHASEGUARD_API int phaseguard_persona_llr(const double* misaligned, size_t misaligned_contexts,
                                          const double* aligned, size_t aligned_contexts,
                                          size_t tokens, double* per_answer, double* per_token);

/* drift/TRAIT: mean over prompts of <h_model - h_reference, direction / |direction|>, and the same
 * in standard deviations of the reference's projections (NaN where those have none). Hidden states
 * [prompts, width] of the same prompts in the same order. A value that is not finite gives NaN. */
PHASEGUARD_API int phaseguard_drift(const double* direction, const double* reference,
                                    const double* model, size_t prompts, size_t width,
                                    double* drift, double* drift_in_sd);

/* SHA-256 in 64 hexadecimal characters and a 0, of a canary set given as the JSON Lines text of its
 * file: the `canary_digest` of a declaration. */
PHASEGUARD_API int phaseguard_canary_digest(const char* json_lines, char hex[65]);

/* The hash by which the scores of a training sample are found. */
PHASEGUARD_API int phaseguard_sample_hash(const char* prompt, const char* answer, char hex[65]);

/* Wilson score interval of k of n, with `confidence` in (0, 1). */
PHASEGUARD_API int phaseguard_wilson(int64_t k, int64_t n, double confidence, double* lower,
                                     double* upper);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */

#endif
