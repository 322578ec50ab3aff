/*
 * Terms, votes, promises and leases of a roster cluster (design, sections 4.3 to 4.8) as a Promela model, for `spin`. What each line stands for
 * in the code, what is left out and why that is sound: README.md beside this file.
 *
 * The honest voters are modelled one by one. A liar's vote, gave-up statement and ack are there whenever they are useful, any number of
 * times, which is all that a liar can do: so of every quorum q only q - f have to come from honest voters. Messages are never consumed, so
 * they may come late, twice, in any order or not at all. Time is a countdown in ticks; between two ticks anything may happen in any order.
 *
 * Set by the runner: HONEST, NEEDED (q - f), LIAR_LEADS (candidate 1 is a liar), TERMS, LEASE, MARGIN, and one BREAK_* or none.
 */

#define CANDIDATES 2
#define DIGESTS (CANDIDATES * TERMS)          /* D = (leader, prev) of one term */

/* What a voter keeps on disk ... */
byte head[HONEST];                            /* term of its highest certificate; 0: genesis */
byte current[HONEST];                         /* its current term */
byte voted[HONEST];                           /* term of its last vote */
bool everPromised[HONEST];
/* ... and what it forgets when it restarts. */
byte promise[HONEST];                         /* ticks left of its promise to the leader of its head */
byte bound[HONEST];                           /* ticks left of older promises, and of the time after a restart */
byte leads[CANDIDATES];                       /* term by which it is in office; 0: none */
byte roundLeft[CANDIDATES];                   /* what a quorum of acks of the last heartbeat is worth now */
byte roundLag[CANDIDATES];                    /* ticks that its clock lost since it sent it */
byte acks[CANDIDATES];                        /* honest voters that acked it */
byte lease[CANDIDATES];                       /* ticks left of its lease */
byte leaseLag[CANDIDATES];

/* The network: what was ever said, as sets of voters. */
byte votes[TERMS * DIGESTS];
byte gaveUp[TERMS * TERMS];                   /* about a term (column), after a head (row) */
bool saidStepDown[CANDIDATES * TERMS];

/* What an observer of everything notes. */
byte certified[TERMS];                        /* by term - 1: leader + CANDIDATES * prev + 1 of the certificate; 0: none */
bool wasLeased[TERMS];                        /* by term - 1: a lease was held by that certificate */

byte x, y;                                    /* scratch of atomic steps; reset, so that they are no state */

#define BIT(i)          (1 << (i))
#define LEADER(t)       ((certified[(t) - 1] - 1) % CANDIDATES)
#define PREV(t)         ((certified[(t) - 1] - 1) / CANDIDATES)
#define IS_CERTIFIED(t) (certified[(t) - 1] != 0)
#define VOTES(t, d)     votes[((t) - 1) * DIGESTS + (d)]
#define GAVE_UP(h, t)   gaveUp[(h) * TERMS + (t) - 1]
#define IS_HONEST(c)    (!(LIAR_LEADS && (c) == 1))

#define SIZE(s)         (((s) & 1) + (((s) >> 1) & 1) + (((s) >> 2) & 1) + (((s) >> 3) & 1))
#define IS_QUORUM(s)    (SIZE(s) >= NEEDED)

/* I5, as the network sees it: voter i has said nothing else in this term, and nothing in a later one. */
inline checkVote(i, t, d) {
  x = 0;
  do
  :: x < TERMS * DIGESTS ->
    assert(x == (t - 1) * DIGESTS + d || x / DIGESTS + 1 < t || (votes[x] & BIT(i)) == 0);
    x++
  :: else -> break
  od;
  x = 0
}

/* I1, and P3: once a lease was held by a certificate, every later one descends from it. */
inline certify(t, d) {
  if
  :: IS_QUORUM(VOTES(t, d)) && certified[t - 1] != d + 1 ->
    assert(certified[t - 1] == 0);
    certified[t - 1] = d + 1;
    x = d / CANDIDATES + 1;
    do
    :: x < t -> assert(!wasLeased[x - 1]); x++
    :: else -> break
    od
  :: else
  fi;
  x = 0
}

/* A quorum acked. I2, and the other half of P3. */
inline hold(c) {
  if
  :: IS_QUORUM(acks[c]) && roundLeft[c] > lease[c] ->
    lease[c] = roundLeft[c];
    leaseLag[c] = roundLag[c];
    wasLeased[leads[c] - 1] = true;
    assert(lease[1 - c] == 0);
    x = leads[c] + 1;
    do
    :: x <= TERMS -> assert(!IS_CERTIFIED(x) || PREV(x) >= leads[c]); x++
    :: else -> break
    od
  :: else
  fi;
  x = 0
}

inline leaveOffice(c) {
  leads[c] = 0; roundLeft[c] = 0; roundLag[c] = 0; acks[c] = 0; lease[c] = 0; leaseLag[c] = 0
}

#ifdef BREAK_ACK_AFTER_HIGHER_VOTE
#define MAY_ACK(i, t) true
#else
#define MAY_ACK(i, t) (voted[i] <= (t))
#endif

#ifdef BREAK_VOTE_TWICE
#define IS_NEW_VOTE(i) (current[i] >= voted[i])
#else
#define IS_NEW_VOTE(i) (current[i] > voted[i])
#endif

#ifdef BREAK_VOTE_BACK
#undef IS_NEW_VOTE
#define IS_NEW_VOTE(i) (current[i] != voted[i])
#endif

#ifdef BREAK_VOTE_WHILE_PROMISED
#define IS_FREE(i) true
#else
#define IS_FREE(i) (promise[i] == 0 && bound[i] == 0)
#endif

#ifdef BREAK_NO_MARGIN
#define LAG_MAX (MARGIN + 1)
#else
#define LAG_MAX MARGIN
#endif
#define MAY_LAG(c) ((roundLeft[c] > 0 || lease[c] > 0) && (roundLeft[c] == 0 || roundLag[c] < LAG_MAX) && (lease[c] == 0 || leaseLag[c] < LAG_MAX))

#ifdef BREAK_VOTE_NOT_PERSISTED
#define FORGETS(i) (voted[i] > 0)
#else
#define FORGETS(i) false
#endif
#ifdef BREAK_STEP_DOWN_NOT_FINAL
#define IS_OVER(c, t) false
#else
#define IS_OVER(c, t) saidStepDown[(c) * TERMS + (t) - 1]
#endif
#define MATTERS(i) (promise[i] > 0 || bound[i] > 0 || (i < CANDIDATES && IS_HONEST(i) && leads[i] > 0) || FORGETS(i))

inline promiseTo(i) {
  promise[i] = LEASE;
  everPromised[i] = true
}

/* A voter. Candidate 0 is voter 0; candidate 1 is voter 1, or a liar. */
proctype Voter(byte i) {
  byte c, p;
  do
  /* It votes in its current term for a leader, after its own head. */
  :: d_step {
    current[i] <= TERMS && IS_NEW_VOTE(i) && IS_FREE(i) ->
    checkVote(i, current[i], (head[i] * CANDIDATES));
    voted[i] = current[i];
    VOTES(current[i], head[i] * CANDIDATES) = VOTES(current[i], head[i] * CANDIDATES) | BIT(i);
    certify(current[i], (head[i] * CANDIDATES))
  }
  :: d_step {
    current[i] <= TERMS && IS_NEW_VOTE(i) && IS_FREE(i) ->
    checkVote(i, current[i], (head[i] * CANDIDATES + 1));
    voted[i] = current[i];
    VOTES(current[i], head[i] * CANDIDATES + 1) = VOTES(current[i], head[i] * CANDIDATES + 1) | BIT(i);
    certify(current[i], (head[i] * CANDIDATES + 1))
  }
  /* It gives its term up (the last one of the bound opens none). */
  :: d_step {
    current[i] < TERMS && (GAVE_UP(head[i], current[i]) & BIT(i)) == 0 ->
    GAVE_UP(head[i], current[i]) = GAVE_UP(head[i], current[i]) | BIT(i)
  }
  /* A quorum gave it up: the next one is open. */
  :: d_step {
    current[i] < TERMS && IS_QUORUM(GAVE_UP(head[i], current[i])) -> current[i]++
  }
  /* It accepts a certificate of a greater term. */
  :: atomic {
    head[i] < TERMS ->
    p = head[i] + 1;
    do
    :: p < TERMS -> p++
    :: break
    od;
    if
    :: IS_CERTIFIED(p) ->
      d_step {
        head[i] = p;
        current[i] = p + 1;
        if :: promise[i] > bound[i] -> bound[i] = promise[i] :: else fi;
        promise[i] = 0;
        c = 0;
        do
        :: c < CANDIDATES && IS_HONEST(c) && c == i ->
          leaveOffice(c);
          if :: LEADER(p) == c -> leads[c] = p :: else fi;
          c++
        :: c < CANDIDATES && !(IS_HONEST(c) && c == i) -> c++
        :: c == CANDIDATES -> break
        od;
        c = 0; p = 0
      }
    :: else -> p = 0
    fi
  }
  /* It acks a heartbeat of the leader of its head, and promises by that. */
  :: atomic {
    head[i] > 0 && MAY_ACK(i, head[i]) ->
    c = LEADER(head[i]);
    if
    :: leads[c] == head[i] && roundLeft[c] > 0 && (acks[c] & BIT(i)) == 0 && !(IS_HONEST(c) && c == i) ->
      d_step {
        promiseTo(i);
        acks[c] = acks[c] | BIT(i);
#ifdef BREAK_LEASE_FROM_RECEIPT
        roundLeft[c] = LEASE - MARGIN; roundLag[c] = 0;
#endif
        hold(c);
        c = 0
      }
    :: else -> c = 0
    fi
  }
  /* It hears that the leader of its head stepped down: only that promise is released. */
  :: d_step {
#ifdef BREAK_STEP_DOWN_NOT_BOUND
    promise[i] > 0 && (saidStepDown[LEADER(head[i]) * TERMS] || saidStepDown[LEADER(head[i]) * TERMS + head[i] - 1]) -> promise[i] = 0
#else
    promise[i] > 0 && saidStepDown[LEADER(head[i]) * TERMS + head[i] - 1] -> promise[i] = 0
#endif
  }
  /* It restarts: what it forgot it makes up for by not voting for the lease, if it ever promised. */
  :: d_step {
    MATTERS(i) ->
    promise[i] = 0;
#ifdef BREAK_PROMISE_LOST
    bound[i] = 0;
#else
    if :: everPromised[i] -> bound[i] = LEASE :: else fi;
#endif
#ifdef BREAK_VOTE_NOT_PERSISTED
    voted[i] = 0;
#endif
    if
    :: i < CANDIDATES && IS_HONEST(i) ->
      leaveOffice(i);
      if
      :: head[i] > 0 && LEADER(head[i]) == i && !IS_OVER(i, head[i]) -> leads[i] = head[i]
      :: else
      fi
    :: else
    fi
  }
  od
}

/* What a candidate does when it is in office. A liar is, whenever a certificate names it, and goes back to an older one as it likes. */
proctype Candidate(byte c) {
  byte t;
  do
  /* A new heartbeat. An honest leader acks itself, if it may, and is bound by that. */
  :: d_step {
    leads[c] > 0 && (roundLeft[c] < LEASE - MARGIN || acks[c] == 0) ->
    roundLeft[c] = LEASE - MARGIN;
    roundLag[c] = 0;
    acks[c] = 0;
    if
    :: IS_HONEST(c) && MAY_ACK(c, leads[c]) ->
      promiseTo(c);
      acks[c] = BIT(c);
      hold(c)
    :: else
    fi
  }
  /* It steps down: the lease is gone, then it is stored, then it is said. */
  :: d_step {
    leads[c] > 0 ->
    saidStepDown[c * TERMS + leads[c] - 1] = true;
    if
    :: IS_HONEST(c) && head[c] == leads[c] -> promise[c] = 0
    :: else
    fi;
#ifdef BREAK_STEP_DOWN_KEEPS_LEASE
    leads[c] = 0
#else
    leaveOffice(c)
#endif
  }
  :: atomic {
    !IS_HONEST(c) && leads[c] == 0 ->
    t = 1;
    do
    :: t < TERMS -> t++
    :: break
    od;
    if
    :: IS_CERTIFIED(t) && LEADER(t) == c && !saidStepDown[c * TERMS + t - 1] -> leaveOffice(c); leads[c] = t
    :: else
    fi;
    t = 0
  }
  od
}

/* A tick of true time. A leader's clock may stand still for at most MARGIN ticks of a lease: slower than those of its followers. */
proctype Clock() {
  byte c, i;
  do
  :: atomic {
    d_step {
      i = 0;
      do
      :: i < HONEST ->
        if :: promise[i] > 0 -> promise[i]-- :: else fi;
        if :: bound[i] > 0 -> bound[i]-- :: else fi;
        i++
      :: else -> break
      od;
      i = 0
    };
    c = 0;
    do
    :: c < CANDIDATES ->
      if
      :: d_step {
        MAY_LAG(c) ->
        if :: roundLeft[c] > 0 -> roundLag[c]++ :: else fi;
        if :: lease[c] > 0 -> leaseLag[c]++ :: else fi
      }
      :: d_step {
        if :: roundLeft[c] > 0 -> roundLeft[c]-- :: else fi;
        if :: lease[c] > 0 -> lease[c]-- :: else fi;
        if :: roundLeft[c] == 0 -> roundLag[c] = 0; acks[c] = 0 :: else fi;
        if :: lease[c] == 0 -> leaseLag[c] = 0 :: else fi
      }
      fi;
      c++
    :: else -> break
    od;
    c = 0
  }
  od
}

init {
  byte i = 0;
  atomic {
    do
    :: i < HONEST -> current[i] = 1; run Voter(i); i++
    :: else -> break
    od;
    run Candidate(0);
    run Candidate(1);
    run Clock()
  }
}
