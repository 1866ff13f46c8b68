# What the two ends of a channel say to each other (runtime/actor/channel.hpp). New fields get new numbers;
# none is reused.
@0xb4a1d0c87be65e93;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct ChannelMessage {
  incarnation @0 :UInt64;    # of the channel; messages of another one are dropped

  union {
    data :group {            # from the sender
      offset @1 :UInt64;     # of the first byte, counted from the channel's first
      itemBytes @2 :UInt64;  # of the whole item, whose next piece this is
      whole @3 :Bool;        # the item is handed over beside this message, which has no payload then
      payload @4 :UInt16;    # else: which payload holds the piece
    }
    grant :group {           # from the receiver
      credit @5 :UInt64;     # data may begin below this offset
    }
    end :group {             # from either; nothing follows it
      kind @6 :Kind;
      offset @7 :UInt64;     # if finished: of the byte behind the last, as its sender knows it
      reason @8 :Text;
      byReceiver @9 :Bool;
    }
    open :group {            # from the sender, as a request: the first message
      name @10 :Text;
      opener @11 :UInt64;    # the incarnation of the sender's actor
    }
    probe :group {           # from the sender: is all there? A grant answers it
      offset @12 :UInt64;    # behind the last byte that was sent
    }
  }

  enum Kind {
    finished @0;             # all has been sent; in answer: all has been received
    aborted @1;
    failed @2;               # the other end broke the protocol
  }
}
