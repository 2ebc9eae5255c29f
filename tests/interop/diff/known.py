# SPDX-License-Identifier: BSD-3-Clause
"""Where mpgate answers otherwise than Linux (6.18): why, and what exactly.

A reason, then scripts with {step: (Linux's replies, mpgate's)}; those that differ in the same way share an
entry. What is not here is the same.
"""
DIFFERENCES = [
    ("RFC 9293 s3.10.7 would reset a closed port's sender or the connection, RFC 5961 s4.2 challenge the "
     "SYN. But SYN with FIN or RST, and no flag at all, is what no TCP sends: dropped before its port is "
     "looked at.", [
        (["handshake: at a closed port: SYN+FIN"], {0: ("RA s=0 a52", "-")}),
        (["handshake: at a closed port: no flags"], {0: ("RA s=0 a50", "-")}),
        (["handshake: in SYN_RCVD: SYN+FIN"], {1: ("SA s-1 a0 mss sackok t0 ws", "-")}),
        (["reset: RST exact, with SYN", "reset: RST exact, with SYN and ACK"], {
            3: ("R s0", "A s0 a7 t3"),
        }),
        (["reset: SYN with FIN", "reset: SYN with FIN and ACK"], {2: ("A s0 a0 t1", "-")}),
    ]),
    ("RFC 5961 s7: challenge ACKs are limited. Those of a connection are here, by time, and so are the "
     "answers to a SYN that comes again.", [
        (["handshake: SYN three times at once"], {
            0: ("SA s-1 a0 mss sackok t0 ws | SA s-1 a0 mss sackok t0 ws | SA s-1 a0 mss sackok t0 ws",
                "SA s-1 a0 mss sackok t0 ws | SA s-1 a0 mss sackok t0 ws"),
        }),
        (["reset: RST in the window twice", "reset: SYN twice"], {3: ("A s0 a0 t1", "-")}),
    ]),
    ("RFC 5961 s4.2: a SYN is answered with an ACK, whatever its number is. To give up what is half open "
     "for it (RFC 9293 s3.10.7.4, fourth) would let anybody do so who can guess the port.", [
        (["handshake: in SYN_RCVD: SYN in the window"], {
            1: ("RA s=0 a101", "A s0 a0 t0"),
            2: ("R s0", "-"),
            3: ("R s0", "A s0 a7 t3"),
        }),
        (["handshake: in SYN_RCVD: SYN one more than the first"], {
            1: ("RA s=0 a1", "A s0 a0 t0"),
            2: ("R s0", "-"),
            3: ("R s0", "A s0 a7 t3"),
        }),
        (["handshake: in SYN_RCVD: SYN+ACK in the window"], {
            1: ("R s0", "A s0 a0 t0"),
            2: ("R s0", "-"),
            3: ("R s0", "A s0 a7 t3"),
        }),
    ]),
    ("RFC 9293 s3.10.7.4: the sequence number comes first, and what does not fit gets an ACK and is "
     "dropped, with its ACK field or for want of one.", [
        (["handshake: in SYN_RCVD: wrong ACK out of the window"], {1: ("R s5", "A s0 a0 t0")}),
        (["window: no ACK flag, data below the window"], {2: ("-", "A s0 a0 t1 sack -500--490")}),
        (["close: CLOSING: FIN again with the ACK"], {3: ("-", "A s1 a1 t2")}),
    ]),
    ("RFC 2883 s4 and s4.2: octets that have come before are told, in every state and of a segment with a "
     "FIN, too.", [
        (["handshake: in SYN_RCVD: data below the window"], {
            1: ("A s0 a0 t0", "A s0 a0 t0 sack -500--490"),
        }),
        (["close: FIN with data that begins below the window"], {
            2: ("A s0 a6 t2", "A s0 a6 t2 sack -5-0"),
        }),
        (["close: TIME_WAIT: data below"], {4: ("A s1 a1 t3", "A s1 a1 t3 sack -10-0")}),
    ]),
    ("RFC 2018 s3: a block is of octets received and queued. A FIN is no octet: not here, nor in a D-SACK "
     "(RFC 2883 s4). Of what is outside the window no timestamp is recorded (RFC 7323 s5.3, R2).", [
        (["handshake: in SYN_RCVD: FIN with the ACK, a hole before it"], {
            1: ("A s0 a0 t0 sack 10-11", "A s0 a0 t0"),
            3: ("A s0 a7 t3 sack 10-11", "A s0 a7 t3"),
        }),
        (["sack: FIN beyond a hole"], {2: ("A s0 a0 sack 10-21", "A s0 a0 sack 10-20")}),
        (["sack: FIN beyond a hole, again"], {
            2: ("A s0 a0 sack 10-21", "A s0 a0 sack 10-20"),
            3: ("A s0 a0 sack 10-21,10-21", "A s0 a0 sack 10-20,10-20"),
        }),
        (["sack: empty FIN beyond a hole"], {2: ("A s0 a0 sack 10-11", "A s0 a0")}),
        (["sack: block, then FIN behind it"], {3: ("A s0 a0 sack 10-21", "A s0 a0 sack 10-20")}),
        (["close: FIN before data"], {2: ("A s0 a0 t1 sack 10-11", "A s0 a0 t1")}),
        (["close: FIN before data, two holes"], {
            2: ("A s0 a0 t1 sack 20-21", "A s0 a0 t1"),
            3: ("A s0 a0 t1 sack 10-21", "A s0 a0 t1 sack 10-20"),
        }),
        (["close: FIN with data before data"], {2: ("A s0 a0 t1 sack 10-21", "A s0 a0 t1 sack 10-20")}),
        (["close: FIN twice"], {3: ("A s0 a1 t3 sack 0-1", "A s0 a1 t2")}),
        (["close: FIN three times"], {
            3: ("A s0 a1 t3 sack 0-1", "A s0 a1 t2"),
            4: ("A s0 a1 t4 sack 0-1", "A s0 a1 t2"),
        }),
        (["close: FIN twice at once"], {2: ("A s0 a1 t2 sack 0-1", "A s0 a1 t2 | A s0 a1 t2")}),
        (["close: FIN with data twice"], {3: ("A s0 a11 t3 sack 0-11", "A s0 a11 t2 sack 0-10")}),
        (["close: FIN again, with data before it"], {
            4: ("A s0 a11 t4 sack 0-11", "A s0 a11 t3 sack 0-10"),
        }),
        (["close: FIN one earlier"], {3: ("A s0 a10 t3 sack 9-10", "A s0 a10 t2")}),
        (["close: FIN below octets that have come"], {
            3: ("A s0 a0 t1 sack 15-16,10-20", "A s0 a0 t1 sack 10-20"),
        }),
        (["close: FIN below the window"], {2: ("A s0 a0 t1 sack -100--99", "A s0 a0 t1")}),
        (["close: FIN one below the window"], {2: ("A s0 a0 t2 sack -1-0", "A s0 a0 t1")}),
        (["close: FIN last of the window"], {
            2: ("A s0 a0 t1 sack E-1-E+0", "A s0 a0 t1"),
            3: ("A s0 a7 t3 sack E-1-E+0", "A s0 a7 t3"),
        }),
        (["close: CLOSING: FIN again", "close: LAST_ACK: FIN again"], {
            3: ("A s1 a1 t3 sack 0-1", "A s1 a1 t2"),
        }),
        (["close: FIN_WAIT_1: FIN beyond a hole"], {
            2: ("A s1 a0 t1 sack 10-11", "A s1 a0 t1"),
            3: ("A s1 a11 t3 sack 10-11", "A s1 a11 t3"),
        }),
        (["close: FIN_WAIT_2: FIN before data"], {
            3: ("A s1 a0 t2 sack 10-11", "A s1 a0 t2"),
            4: ("A s1 a11 t4 sack 10-11", "A s1 a11 t4"),
        }),
    ]),
    ("RFC 9293 s3.10.7.4 (eighth): nothing follows a FIN. Of two that are out of order the first one "
     "counts; text after it is ignored, and an ACK tells the peer.", [
        (["close: FIN at two places"], {
            2: ("A s0 a0 t1 sack 20-21", "A s0 a0 t1"),
            3: ("A s0 a0 t1 sack 10-11,20-21", "A s0 a0 t1"),
            4: ("A s0 a11 t4", "A s0 a10 t4"),
            5: ("-", "A s0 a17 t5"),
        }),
        (["close: FIN at two places, the near one first"], {
            2: ("A s0 a0 t1 sack 10-11", "A s0 a0 t1"),
            3: ("A s0 a0 t1 sack 20-21,10-11", "A s0 a0 t1"),
            5: ("-", "A s0 a11 t5"),
        }),
        (["close: FIN in order below octets that have come"], {4: ("R s0", "A s0 a1 t4")}),
        (["close: data beyond a FIN that is not in order"], {
            2: ("A s0 a0 t1 sack 10-11", "A s0 a0 t1"),
            3: ("A s0 a0 t1 sack 20-30,10-11", "A s0 a0 t1"),
            5: ("-", "A s0 a11 t5"),
        }),
    ]),
    ("RFC 9293 s3.10.7.4 (seventh): text after a FIN is ignored; that a connection ends for it, or that it "
     "is not acknowledged, is not said.", [
        (["reset: RST in CLOSE_WAIT, one more"], {4: ("-", "A s0 a1 t4")}),
        (["close: FIN one later", "close: data after FIN"], {3: ("-", "A s0 a1 t3")}),
        (["close: data after FIN, in its place"], {3: ("R s0", "A s0 a1 t3")}),
        (["close: data after FIN, beyond"], {3: ("-", "A s0 a1 t2")}),
        (["close: CLOSING: data", "close: LAST_ACK: data"], {3: ("-", "A s1 a1 t3")}),
    ]),
    ("RFC 5961 s3.2: only an RST with RCV.NXT resets. Linux also takes one behind the last SACK block, or "
     "with the number of a FIN.", [
        (["reset: RST behind what was received beyond a hole"], {
            3: ("-", "A s0 a0 t1 sack 10-20"),
            4: ("R s0", "A s0 a7 t4 sack 10-20"),
        }),
        (["reset: RST in CLOSE_WAIT, number of the FIN"], {4: ("R s0", "A s0 a1 t4")}),
        (["reset: RST in LAST_ACK, number of the FIN"], {4: ("R s0", "-")}),
    ]),
    ("RFC 7323 s5.3 (R1): an RST is not tested by its timestamp.", [
        (["handshake: in SYN_RCVD: RST with an old timestamp"], {
            2: ("-", "R s0"),
            3: ("A s0 a7 t3", "R s0"),
        }),
    ]),
    ("RFC 7323 s3.2: TSecr is the timestamp that came last, which may be that of a challenge ACK; no test "
     "of it is asked for. Linux lets only that of the SYN/ACK complete a handshake.", [
        (["handshake: in SYN_RCVD: the echo of a challenge ACK completes it"], {
            2: ("A s0 a0 t0", "-"),
            3: ("A s0 a0 t0", "A s0 a7 t3"),
        }),
        (["paws: echo in the SYN"], {1: ("A s0 a0 t1094861649", "-")}),
    ]),
    ("RFC 7323 s5.3 (R3): a timestamp is recorded in TIME_WAIT as in any state, and RFC 1337 s3: an RST is "
     "ignored there. RFC 9293 s3.10.7.4: an empty segment in the window asks for nothing, RFC 5961 s5.2: "
     "too new an ACK for an ACK.", [
        (["reset: RST in TIME_WAIT, exact"], {5: ("A s1 a1 t4", "A s1 a1 t3")}),
        (["paws: TIME_WAIT: data, newer"], {4: ("A s1 a1 t20", "A s1 a1 t30")}),
        (["close: TIME_WAIT: FIN later", "close: TIME_WAIT: data"], {4: ("A s1 a1 t3", "A s1 a1 t4")}),
        (["close: TIME_WAIT: ACK beyond"], {4: ("A s1 a1 t3", "-")}),
        (["close: TIME_WAIT: too new an ACK"], {4: ("-", "A s1 a1 t3")}),
    ]),
    ("RFC 7323 s5.3 (R2 before R3): only of a segment in the window a timestamp is recorded. Linux does "
     "also of one that ends where the window begins.", [
        (["window: data just below the window"], {2: ("A s0 a0 t2 sack -10-0", "A s0 a0 t1 sack -10-0")}),
        (["window: data received before", "window: ECN: CE on data received before"], {
            3: ("A s0 a10 t3 sack 0-10", "A s0 a10 t2 sack 0-10"),
        }),
        (["window: one octet of the past (keep-alive)"], {
            2: ("A s0 a0 t2 sack -1-0", "A s0 a0 t1 sack -1-0"),
        }),
        (["window: zero window: octet before (keep-alive)"], {
            3: ("A s0 a0 w0 t3 sack -1-0", "A s0 a0 w0 t2 sack -1-0"),
        }),
    ]),
    ("RFC 7323 s5.3 (R3): old or new, the ACK makes no difference to whether the timestamp is recorded; "
     "but RFC 5961 s5.2: a segment whose ACK is out of range is dropped.", [
        (["window: ACK too old"], {2: ("A s0 a0 t2", "A s0 a0 t1")}),
        (["window: ACK of the data, then an older one with data"], {
            3: ("A s100 a10 t2", "A s100 a10 t3"),
        }),
        (["window: ACK of the data, then a much older one"], {3: ("A s100 a0 t3", "A s100 a0 t2")}),
        (["paws: what is echoed: too new an ACK"], {
            3: ("A s0 a0 t40 sack -5-0", "A s0 a0 t10 sack -5-0"),
        }),
    ]),
    ("RFC 9293 s3.10.7.4 (first): what lies beyond the window is cut off.", [
        (["window: data over the right edge by one", "close: FIN with data up to the right edge"], {
            2: ("A s0 a0 t1 sack E-10-E+1", "A s0 a0 t1 sack E-10-E+0"),
            3: ("A s0 a7 t3 sack E-10-E+1", "A s0 a7 t3 sack E-10-E+0"),
        }),
        (["window: data over the right edge"], {
            2: ("A s0 a0 t1 sack E-5-E+5", "A s0 a0 t1 sack E-5-E+0"),
            3: ("A s0 a7 t3 sack E-5-E+5", "A s0 a7 t3 sack E-5-E+0"),
        }),
        (["close: FIN with data over the right edge"], {
            2: ("A s0 a0 t1 sack E-5-E+6", "A s0 a0 t1 sack E-5-E+0"),
            3: ("A s0 a7 t3 sack E-5-E+6", "A s0 a7 t3 sack E-5-E+0"),
        }),
    ]),
    ("RFC 5961 s5.2: SND.UNA - MAX.SND.WND is the oldest acceptable ACK. Linux takes none of octets before "
     "the first.", [
        (["window: ACK old, in the window"], {2: ("A s0 a0 t2", "-")}),
        (["window: ACK old, just acceptable"], {2: ("A s0 a0", "-")}),
    ]),
    ("RFC 5681 s3.2 (2): the third duplicate ACK sends the segment again, a single one as well.", [
        (["window: duplicate ACKs, no SACK"], {3: ("-", "PA s0 a0 100:32f5 t3")}),
    ]),
    ("RFC 9293 s3.10.7.4 (fifth): SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK update the window, to a smaller "
     "one, too.", [
        (["window: peer's window of 50 octets"], {
            2: ("PA s0 a100 100:7026", "PA s0 a100 50:b5e9"),
            3: ("-", "PA s50 a100 50:a819"),
        }),
    ]),
    ("RFC 9293 s3.8.5: the urgent pointer tells where urgent data ends; the stream keeps its octets.", [
        (["window: URG echoed"], {
            2: ("PA s0 a10 4:661c t2", "PA s0 a10 10:97db t2"),
            3: ("PA s4 a17 5:d150 t3", "PA s10 a17 7:720a t3"),
        }),
    ]),
    ("RFC 3168 s6.1.3: the mark of a packet that is taken is echoed; of a FIN, too.", [
        (["window: ECN: FIN with CE"], {2: ("A s0 a1 t2", "AE s0 a1 t2")}),
    ]),
    ("RFC 7323 s5.3 (R1): SEG.TSval < TS.Recent is not acceptable, by one neither.", [
        (["paws: data, one older"], {
            2: ("A s0 a10 t10", "A s0 a0 t10"),
            3: ("A s0 a17 t10", "A s0 a7 t10"),
        }),
    ]),
    ("RFC 7323 s3.2: once agreed, a segment without timestamp (RST apart) is dropped silently.", [
        (["paws: data, no timestamp", "paws: data, timestamp of the wrong length"], {
            2: ("A s0 a10 t10", "-"),
            3: ("A s0 a17 t10", "A s0 a7 t10"),
        }),
        (["paws: FIN, no timestamp"], {2: ("FA s0 a1 t10", "-"), 3: ("-", "A s0 a7 t10")}),
        (["paws: too new an ACK, no timestamp", "paws: data beyond the window, no timestamp"], {
            2: ("A s0 a0 t10", "-"),
        }),
        (["paws: TIME_WAIT: FIN again, no timestamp"], {4: ("A s1 a1 t20", "-")}),
        ([
            "options: data: none",
            "options: data: timestamps behind EOL",
            "options: data: timestamps of length 8",
            "options: data: timestamps of length 12",
        ], {2: ("A s0 a10 t1", "-"), 3: ("A s0 a17 t3", "A s0 a7 t3")}),
    ]),
    ("RFC 7323 s5.3 (R1): TS.Recent may be 0 as any other number.", [
        (["paws: data, timestamp 0"], {3: ("A s0 a17 t10", "A s0 a10 t13")}),
        (["paws: timestamp 0 in the SYN"], {1: ("-", "A s0 a0 t13"), 2: ("A s0 a7 t10", "A s0 a0 t13")}),
    ]),
    ("RFC 7323 s3.2 knows of one timestamp in a segment; of two the first one counts, in Linux the last "
     "one.", [
        (["paws: data, timestamp twice"], {
            2: ("A s0 a10 t13", "A s0 a10 t12"),
            3: ("A s0 a17 t3", "A s0 a10 t12"),
        }),
    ]),
    ("RFC 7323 s5.3 (R1): what is too old gets an ACK, empty or without ACK flag as well.", [
        (["paws: empty, older", "paws: no ACK flag, older"], {2: ("-", "A s0 a0 t10")}),
    ]),
    ("RFC 7323 s5.3 (R1): what is too old is dropped; nothing in it is believed and told as a duplicate.", [
        (["paws: data received before, older"], {3: ("A s0 a10 t20 sack 0-10", "A s0 a10 t20")}),
        (["paws: data below the window, older"], {2: ("A s0 a0 t10 sack -500--490", "A s0 a0 t10")}),
        (["paws: FIN in CLOSE_WAIT, older"], {3: ("A s0 a1 t20 sack 0-1", "A s0 a1 t20")}),
    ]),
    ("RFC 2018 s4: the first block is the whole one that the segment is part of. Linux has forgotten a "
     "part that it still has.", [
        (["sack: five blocks, holes filled"], {
            7: ("A s0 a0 sack 20-40,90-100,70-80,50-60", "A s0 a0 sack 10-40,90-100,70-80,50-60"),
            8: ("A s0 a0 sack 50-80,20-40,90-100", "A s0 a0 sack 50-80,10-40,90-100"),
            9: ("A s0 a0 sack 50-100,20-40", "A s0 a0 sack 50-100,10-40"),
            10: ("A s0 a0 sack 20-100", "A s0 a0 sack 10-100"),
        }),
    ]),
    ("RFC 2883 s4 (4): the second block should be the one that the duplicate is part of. Not when that one "
     "was told too long ago: four are remembered.", [
        (["sack: five blocks, the oldest again"], {
            7: ("A s0 a0 sack 10-20,10-20,90-100,70-80", "A s0 a0 sack 10-20,90-100,70-80,50-60"),
        }),
    ]),
    ("RFC 9293 s3.1 (MUST-7): an option of illegal length must be handled. The segment is dropped; Linux "
     "takes it without what follows.", [
        ([
            "options: SYN: length 0",
            "options: SYN: length 1",
            "options: SYN: MSS of length 0",
            "options: SYN: MSS of length 1",
            "options: SYN: SACK permitted of length 0",
            "options: SYN: SACK permitted of length 1",
            "options: SYN: window scale of length 0",
            "options: SYN: timestamps of length 0",
            "options: SYN: past the end by one",
            "options: SYN: past the end",
            "options: SYN: timestamps past the end",
            "options: SYN: kind without length at the end",
            "options: SYN: of length 255",
        ], {
            0: ("SA s-1 a0 mss", "-"),
            1: ("-", "R s0"),
            2: ("A s0 a0", "R s0"),
            3: ("A s0 a20", "R s0"),
        }),
        (["options: SYN: MSS past the end", "options: SYN: MSS without length at the end"], {
            0: ("SA s-1 a0 mss sackok", "-"),
            1: ("-", "R s0"),
            2: ("A s0 a0 sack 10-20", "R s0"),
            3: ("A s0 a20", "R s0"),
        }),
        ([
            "options: data: length 0 behind",
            "options: data: length 1 behind",
            "options: data: past the end",
            "options: data: without length at the end",
            "options: data: SACK past the end",
        ], {2: ("A s0 a10 t2", "-"), 3: ("A s0 a17 t3", "A s0 a7 t3")}),
        (["options: data: length 0 before"], {2: ("A s0 a10 t1", "-"), 3: ("A s0 a17 t3", "A s0 a7 t3")}),
        ([
            "options: data: length 0, no timestamps agreed",
            "options: data: past the end, no timestamps agreed",
        ], {2: ("A s0 a10", "-"), 3: ("A s0 a17", "A s0 a7")}),
        (["options: R with an option of length 0"], {3: ("R s0", "A s0 a7 t3")}),
        (["options: SA with an option of length 0"], {2: ("A s0 a0 t1", "-")}),
        (["options: FA with an option of length 0"], {2: ("A s0 a1 t2", "-"), 3: ("-", "A s0 a7 t3")}),
    ]),
    ("RFC 9293 s3.1 (MUST-6): an option that is not implemented is ignored.", [
        (["options: SYN: MD5 signature"], {
            0: ("-", "SA s-1 a0 mss"),
            1: ("R s0", "-"),
            2: ("R s0", "A s0 a0"),
            3: ("R s0", "A s0 a20"),
        }),
        (["options: data: MD5 signature"], {2: ("-", "A s0 a10 t2"), 3: ("A s0 a7 t3", "A s0 a17 t3")}),
    ]),
    ("RFC 9293 s3.10.7.4 (first): with a window of 0 the next segment is still looked at for its ACK; RFC "
     "7323 s5.3 (R3): and its timestamp recorded.", [
        ([
            "window: zero window: next octet",
            "window: zero window: next octets",
            "window: zero window: FIN with data",
        ], {3: ("A s0 a0 w0 t2", "A s0 a0 w0 t3")}),
        (["window: zero window: twice"], {
            3: ("A s0 a0 w0 t2", "A s0 a0 w0 t3"),
            4: ("A s0 a0 w0 t2", "A s0 a0 w0 t4"),
        }),
    ]),
    ("RFC 7323 s5.3 (R1) drops whatever is older than TS.Recent. What fills a gap may be late, behind the "
     "retransmission that has filled the gap before it: it is compared with what TS.Recent was two windows "
     "ago at most.", [
        (["paws: two holes, the first one filled with newer, the other late"], {
            5: ("A s0 a20 t50 sack 30-40", "A s0 a40 t50"),
            6: ("A s0 a27 t60 sack 30-40", "A s0 a47 t60"),
        }),
    ]),
]
