// How much of what two servers' other work differs by is the doing of switches and moves?
//
// A switch takes more than what its own calls show: what runs after it meets cold caches, and its
// way out of a call lies in user code's time. No figure says how much of it there is. But where one
// server makes more switches, and its own code, calls, deliveries and interrupts take longer too,
// it is likely that this is why: up to what so many switches may cost. Environment::switch_ns is
// measured on the machine itself, with warm caches and two small calls. In servers of known cost a
// sleep and its wake-up took 1.3 to 2.5 times as much; half of it, without the calls, is the least,
// and with large working sets it may be several times as much.
#pragma once

#include "explain/side.h"

namespace tr::explain {

enum class Reach {
  kLeast,   // what a switch hardly takes less than
  kLikely,  // the estimate
  kMost,    // what it hardly takes more than
};

// Moves from the accounts' claims to those of causes that make switches (Cause::switches), by how
// many more of them there are on one side, what the accounts of that side have more, altogether;
// if that is more than the switches may cost, so much of it, in equal shares of each account's.
// The side that has fewer keeps its means, and both sides' sums stay what they are.
void spread(Side& a, Side& b, Reach reach);

}  // namespace tr::explain
