/*
 * The end of an electorate and the beginning of the next (design, section 4.11) as a Promela model, for `spin`: function 0 closes in favour of
 * function 1. What each line stands for in the code, what is left out and why that is sound: README.md beside this file.
 *
 * It begins where roster.pml ends. There it is checked that a lease is over before any of the q promises that it rests on, with restarts,
 * step-downs and slow clocks. So here is no time: a promise runs until its voter votes, through restarts too, for what a voter forgot it waits
 * for; and there is a lease by a certificate while a quorum of promises for it runs, whoever leads by it. A voter takes part in both functions,
 * as one does that is started under the one and under the other. Any term is open to whoever votes in it.
 *
 * Nothing tells voters apart, so their rows are kept sorted, and each state stands for up to HONEST! of them.
 *
 * Set by the runner: HONEST, NEEDED (q - f), TERMS, SUCCESSORS (a second one, function 2, shows what comes of closing for two), and one BREAK_*
 * or none. HARM_ONLY leaves out the claims from which the rest follows, so that what is found is the harm.
 */

#define FUNCTIONS (1 + SUCCESSORS)
#define CERTIFICATES (FUNCTIONS * TERMS)      /* by number: 1 to TERMS are those of function 0, by term, then come the next one's */
#define OUTCOMES (1 + SUCCESSORS)             /* what is voted on: 0, a leader, or to close in favour of a successor; D = (outcome, prev) of one term */

/* A voter: its disk, its promises, and what it said, which stays said. */
#define ROW (3 * FUNCTIONS + 1 + 2 * CERTIFICATES)
byte rows[HONEST * ROW];
#define HEAD(i, f)      rows[(i) * ROW + (f)]                       /* term of its highest certificate of that function; 0: none */
#define VOTED(i, f)     rows[(i) * ROW + FUNCTIONS + (f)]           /* term of its last vote */
#define SAID(i, f)      rows[(i) * ROW + 2 * FUNCTIONS + (f)]       /* term of the last vote that the network has */
#define CLOSES(i)       rows[(i) * ROW + 3 * FUNCTIONS]             /* for which successor it voted to close; 0: none */
#define PROMISES(i, g)  rows[(i) * ROW + 3 * FUNCTIONS + (g)]       /* whether its promise to the leader by that certificate runs */
#define VOTE(i, g)      rows[(i) * ROW + 3 * FUNCTIONS + CERTIFICATES + (g)]  /* D + 1 of its vote in the function and term of that certificate; 0: none */

/* What an observer of everything notes. */
byte certified[CERTIFICATES + 1];             /* D + 1 of the certificate; 0: none */
bool wasLeased[CERTIFICATES + 1];             /* a lease was held by that certificate */
byte ledUntil;                                /* highest term of a certificate that names a leader under function 0 */
byte closedFrom;                              /* lowest term of a closing; 0: none */
byte heir;                                    /* the successor that it names */
byte token;                                   /* highest term of a certificate by which a lease was held */

byte x, y, z;                                 /* scratch of atomic steps; reset, so that they are no state */

#define NUMBER(f, t)    ((f) * TERMS + (t))
#define TERM(g)         (((g) - 1) % TERMS + 1)
#define FUNCTION(g)     (((g) - 1) / TERMS)
#define OUTCOME(g)      ((certified[g] - 1) % OUTCOMES)
#define PREV(g)         ((certified[g] - 1) / OUTCOMES)
#define IS_CLOSING(g)   (certified[g] > 0 && OUTCOME(g) > 0)

/* Whether a voter knows that function 0 is closed, and in favour of this one. */
#define IS_CLOSED(i)        (HEAD(i, 0) > 0 && IS_CLOSING(HEAD(i, 0)))
#define IS_CLOSED_FOR(i, f) (IS_CLOSED(i) && OUTCOME(HEAD(i, 0)) == (f))
#define IS_AT_START(i, f)   ((f) > 0 && HEAD(i, f) == 0 && IS_CLOSED_FOR(i, f))
#define TAKES_PART(i, f)    ((f) == 0 -> !IS_CLOSED(i) : HEAD(i, f) > 0 || IS_CLOSED_FOR(i, f))

/* From where its terms go on. */
#ifdef BREAK_TERMS_ANEW
#define SINCE(i, f) HEAD(i, f)
#else
#define SINCE(i, f) (IS_AT_START(i, f) -> HEAD(i, 0) : HEAD(i, f))
#endif

#define MAY_VOTE(i, f, t) (TAKES_PART(i, f) && (t) > SINCE(i, f) && (t) > VOTED(i, f))

/* As prev of a successor's proposals, certificates of that successor come after the closings of function 0. */
#define AS_PREV(f, t)    ((f) == 0 -> (t) : TERMS + (t))
#define PREV_OF(i, f)    ((f) > 0 && HEAD(i, f) == 0 -> HEAD(i, 0) : AS_PREV(f, HEAD(i, f)))
#define SINCE_PREV(f, p) ((f) == 0 -> (p) + 1 : ((p) > TERMS -> (p) - TERMS + 1 : 1))

/* Who voted to close votes to close for that successor only, for no leader any more, and acks nothing there. */
#ifdef BREAK_CLOSE_FOR_ANOTHER
#define MAY_CLOSE_FOR(i, s) true
#else
#define MAY_CLOSE_FOR(i, s) (CLOSES(i) == 0 || CLOSES(i) == (s))
#endif
#define MAY_CLOSE(i, f, t, s) ((f) == 0 && MAY_VOTE(i, f, t) && MAY_CLOSE_FOR(i, s))
#ifdef BREAK_VOTE_AFTER_CLOSING
#define MAY_ELECT(i, f) true
#else
#define MAY_ELECT(i, f) ((f) > 0 || CLOSES(i) == 0)
#endif
#ifdef BREAK_ACK_AFTER_CLOSING
#define MAY_ACK(i, f) (VOTED(i, f) <= HEAD(i, f) || ((f) == 0 && CLOSES(i) > 0))
#else
#define MAY_ACK(i, f) (VOTED(i, f) <= HEAD(i, f) && ((f) > 0 || CLOSES(i) == 0))
#endif

/* What holds of closings, and why the rest does. */
#ifdef HARM_ONLY
#define CLAIM(condition) skip
#else
#define CLAIM(condition) assert(condition)
#endif

/* Voters of whom something is so, in y. */
#define COUNT(condition) \
  do \
  :: z < HONEST -> if :: condition -> y++ :: else fi; z++ \
  :: else -> break \
  od; \
  z = 0

/* It waited until its promises under this function were over: they last until it votes, which is as long as they may. */
inline endPromises(i, f) {
  z = NUMBER(f, 1);
  do
  :: z <= NUMBER(f, TERMS) -> PROMISES(i, z) = 0; z++
  :: else -> break
  od;
  z = 0
}

/*
 * There is one successor. From its lowest closing on nobody is elected by function 0, and no lease of that runs. Every leader of the
 * successor comes after all before, so that a term has one leader in both functions together.
 */
inline checkAcross(g) {
  if
  :: OUTCOME(g) > 0 ->
    CLAIM(heir == 0 || heir == OUTCOME(g));
    CLAIM(ledUntil < TERM(g));
    x = 1;
    do
    :: x <= TERMS -> COUNT(PROMISES(z, x)); CLAIM(y < NEEDED); y = 0; x++
    :: else -> break
    od;
    heir = OUTCOME(g);
    if :: closedFrom == 0 || TERM(g) < closedFrom -> closedFrom = TERM(g) :: else fi
  :: OUTCOME(g) == 0 && g <= TERMS ->
    CLAIM(closedFrom == 0 || TERM(g) < closedFrom);
    if :: TERM(g) > ledUntil -> ledUntil = TERM(g) :: else fi
  :: else -> assert(ledUntil < TERM(g))
  fi
}

/* I1, and P3: once a lease was held by a certificate, every later one of its function descends from it. */
inline certify(g, d) {
  COUNT(VOTE(z, g) == d + 1);
  if
  :: y >= NEEDED && certified[g] != d + 1 ->
    y = 0;
    assert(certified[g] == 0);
    certified[g] = d + 1;
    checkAcross(g);
    x = SINCE_PREV(FUNCTION(g), d / OUTCOMES);
    do
    :: x < TERM(g) -> assert(!wasLeased[NUMBER(FUNCTION(g), x)]); x++
    :: else -> break
    od
  :: else
  fi;
  x = 0; y = 0
}

/* A vote is stored, then said. I5: nothing was said in this term or a later one. */
inline vote(i, g, d) {
  assert(SAID(i, FUNCTION(g)) < TERM(g));
  SAID(i, FUNCTION(g)) = TERM(g);
#ifdef BREAK_CLOSING_NOT_STORED
  if :: d % OUTCOMES == 0 -> VOTED(i, FUNCTION(g)) = TERM(g) :: else fi;
#else
  VOTED(i, FUNCTION(g)) = TERM(g);
  if :: d % OUTCOMES > 0 -> CLOSES(i) = d % OUTCOMES :: else fi;
#endif
  VOTE(i, g) = d + 1;
  certify(g, d)
}

inline close(i, g, d) {
#ifndef BREAK_CLOSE_WHILE_PROMISED
  endPromises(i, 0);
#endif
  vote(i, g, d)
}

/* A promise more. I2, the other half of P3, and through both functions the terms by which leases are held only grow, so that they fence (I3). */
inline promiseTo(i, g) {
  PROMISES(i, g) = 1;
  COUNT(PROMISES(z, g));
  if
  :: y >= NEEDED ->
    CLAIM(g > TERMS || closedFrom == 0);
    x = 1;
    do
    :: x <= CERTIFICATES -> y = 0; COUNT(PROMISES(z, x)); assert(x == g || y < NEEDED); x++
    :: else -> break
    od;
    assert(token <= TERM(g));
    token = TERM(g);
    wasLeased[g] = true;
    x = TERM(g) + 1;
    y = FUNCTION(g);
    do
    :: x <= TERMS -> assert(certified[NUMBER(y, x)] == 0 || PREV(NUMBER(y, x)) >= AS_PREV(y, TERM(g))); x++
    :: else -> break
    od
  :: else
  fi;
  x = 0; y = 0
}

/* What matters no more is no state: a last vote below the head, and votes and promises of which too few can come, or the term has its certificate. */
inline forget(g) {
  do
  :: x < HONEST ->
    if :: VOTED(x, FUNCTION(g)) <= HEAD(x, FUNCTION(g)) -> VOTED(x, FUNCTION(g)) = 0 :: else fi;
    if :: SAID(x, FUNCTION(g)) <= HEAD(x, FUNCTION(g)) -> SAID(x, FUNCTION(g)) = 0 :: else fi;
    if
    :: VOTE(x, g) > 0 ->
      COUNT(VOTE(z, g) == VOTE(x, g) || (VOTED(z, FUNCTION(g)) < TERM(g) && HEAD(z, FUNCTION(g)) < TERM(g)));
      if :: y < NEEDED || certified[g] > 0 -> VOTE(x, g) = 0 :: else fi;
      y = 0
    :: else
    fi;
    if
    :: PROMISES(x, g) ->
      COUNT(PROMISES(z, g) || (HEAD(z, FUNCTION(g)) <= TERM(g) && VOTED(z, FUNCTION(g)) <= TERM(g)));
      if :: y < NEEDED -> PROMISES(x, g) = 0 :: else fi;
      y = 0
    :: else
    fi;
    x++
  :: else -> break
  od;
  x = 0
}

/* Sorts the rows. */
inline sort() {
  do
  :: x < HONEST - 1 ->
    y = 0;
    do
    :: y < ROW && rows[x * ROW + y] == rows[(x + 1) * ROW + y] -> y++
    :: else -> break
    od;
    if
    :: y < ROW && rows[x * ROW + y] > rows[(x + 1) * ROW + y] ->
      do
      :: y < ROW ->
        z = rows[x * ROW + y]; rows[x * ROW + y] = rows[(x + 1) * ROW + y]; rows[(x + 1) * ROW + y] = z;
        y++
      :: else -> break
      od;
      x = 0
    :: else -> x++
    fi
  :: else -> break
  od;
  x = 0; y = 0; z = 0
}

/* Voter i under function f does something with term t, if it may. */
active proctype Voters() {
  byte i, f, g, t, d;
end:
  do
  :: atomic {
    i = 0;
    do :: i < HONEST - 1 -> i++ :: break od;
    f = 0;
    do :: f < FUNCTIONS - 1 -> f++ :: break od;
    t = 1;
    do :: t < TERMS -> t++ :: break od;
    g = NUMBER(f, t);
    d = OUTCOMES * PREV_OF(i, f);
    if
    /* It votes for a leader, in a term after its head and its last vote. */
    :: MAY_VOTE(i, f, t) && MAY_ELECT(i, f) -> d_step { endPromises(i, f); vote(i, g, d) }
    /* It votes to close. */
    :: MAY_CLOSE(i, f, t, 1) -> d_step { d = d + 1; close(i, g, d) }
#if SUCCESSORS > 1
    :: MAY_CLOSE(i, f, t, 2) -> d_step { d = d + 2; close(i, g, d) }
#endif
    /* It accepts a certificate of a greater term than its last of that function. The first may come before the closing by which it begins itself. */
    :: certified[g] > 0 && t > HEAD(i, f) ->
      d_step {
        HEAD(i, f) = t;
#ifdef BREAK_LATER_CLOSING_OVER_CERTIFICATES
        if :: IS_CLOSING(g) -> HEAD(i, 1) = 0 :: else fi
#endif
      }
    /* It acks a heartbeat of the leader of its head, and promises by that. */
    :: t == HEAD(i, f) && !IS_CLOSING(g) && !PROMISES(i, g) && MAY_ACK(i, f) -> d_step { promiseTo(i, g) }
    :: else
    fi;
    d_step {
      t = 1;
      do
      :: t <= CERTIFICATES -> forget(t); t++
      :: else -> break
      od;
      sort();
      i = 0; f = 0; g = 0; t = 0; d = 0
    }
  }
  od
}
