//! What can be wrong with the second client, and which scenarios notice.

/// Declares the defects, in the order of the areas they are noticed in.
macro_rules! defects {
    ($($defect:ident $name:literal $about:literal [$($scenario:literal),+ $(,)?])*) => {
        /// Something that is wrong with a client. Each is known from clients in use, or near to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Defect {
            $(#[doc = $about] $defect,)*
        }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$defect),*];

            /// `pings-once`
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$defect => $name,)* }
            }

            /// What users would notice.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$defect => $about,)* }
            }

            /// The scenarios that must fail because of it, at least one of them.
            #[must_use]
            pub fn caught_by(self) -> &'static [&'static str] {
                match self { $(Self::$defect => &[$($scenario),+],)* }
            }
        }
    };
}

defects! {
    // Discovery and upgrade.
    ReusesUrl "reuses-url" "After a lost connection the old URL is used again, which costs an attempt each time." ["discover/new-url-each-time"]
    GivesUpWhenBusy "gives-up-when-busy" "A busy platform, code 1, ends the bot for good." ["discover/busy-once"]
    NeverGivesUp "never-gives-up" "A wrong secret is tried for ever, and nobody is told." ["discover/wrong-secret", "discover/not-allowed"]
    FollowsRedirects "follows-redirects" "The app's secret goes wherever a redirect points." ["discover/redirected"]
    NoDeadline "no-deadline" "A platform that accepts and says nothing holds the bot for ever." ["discover/silent-platform"]
    IgnoresRetryAfter "ignores-retry-after" "A platform that asks for a pause gets none." ["discover/retry-after"]
    NoClamp "no-clamp" "A PingInterval of 0 becomes a flood of pings." ["discover/zeros-for-a-config"]
    ReplacesConfig "replaces-config" "Half a configuration resets the other half." ["ping/half-a-config", "discover/half-a-config"]
    AcceptsWrongAccept "accepts-wrong-accept" "Whatever answers 101 is taken for the platform." ["upgrade/wrong-accept"]
    ReusesKey "reuses-key" "Every upgrade has the same key, so that a cache may answer it." ["upgrade/new-key-each-time"]
    LogsTicket "logs-ticket" "The ticket of the connection stands in the log." ["ack/in-time", "hostile/no-secrets-in-sight"]

    // Frames and parts.
    OmitsZeros "omits-zeros" "Numbers that are 0 are left out, which official decoders refuse." ["frame/zeros-are-written"]
    WrongPingService "wrong-ping-service" "Pings name another connection than theirs." ["ping/service-of-this-connection", "ping/first"]
    BrokenFrameEnds "broken-frame-ends" "One message that is no frame ends the connection." ["frame/broken-ones"]
    PartsLastWins "parts-last-wins" "Of two equal parts the later counts, also when it is another." ["parts/same-part-twice"]
    PartsSizedBySum "parts-sized-by-sum" "Two billion parts are waited for." ["parts/two-billion", "parts/sixty-five"]
    KeepsFinishedParts "keeps-finished-parts" "A late part delivers a finished message once more." ["parts/again-after-the-end"]
    PartsMixSums "parts-mix-sums" "Parts with different sums become one message." ["parts/sum-changes"]
    EmptyPartNeverCompletes "empty-part-never-completes" "A message with an empty part never arrives." ["parts/empty-one"]
    KeepsPartsOverReconnect "keeps-parts-over-reconnect" "Parts of a lost connection complete a message on the next." ["parts/over-a-reconnect"]
    PartsAsText "parts-as-text" "A character that was cut in two arrives broken." ["parts/cut-inside-a-character"]

    // Acknowledgements.
    AcksAfterHandler "acks-after-handler" "A slow handler is called again and again." ["ack/slow-handler"]
    AcksEachPart "acks-each-part" "Every part is acknowledged, so that a message that was lost half-way never comes again." ["parts/three-in-order", "parts/one-is-missing"]
    AcksTwice "acks-twice" "Everything is acknowledged twice." ["ack/once-each"]
    DropsLogIdNew "drops-log-id-new" "Acks lose LogIDNew, and the platform loses the trace." ["ack/optional-fields"]
    DropsPayloadType "drops-payload-type" "Acks lose payload_encoding and payload_type." ["ack/optional-fields"]
    DropsUnknownFields "drops-unknown-fields" "Acks lose fields of a newer protocol." ["ack/to-the-letter"]
    DropsUnknownHeaders "drops-unknown-headers" "Acks lose instance_id and never find their server." ["ack/headers-of-the-future"]
    ReordersHeaders "reorders-headers" "Acks have their headers in another order." ["ack/echo-of-the-frame"]
    DropsMessageIdHeader "drops-message-id-header" "Acks do not say what they acknowledge." ["ack/echo-of-the-frame"]
    NoBizRt "no-biz-rt" "Acks do not say how long it took." ["ack/biz-rt"]
    NegativeBizRt "negative-biz-rt" "Acks say that it took less than nothing." ["ack/biz-rt"]
    MalformedAcked500 "malformed-acked-500" "What is no event comes again for seven hours." ["ack/malformed"]
    UnknownEventAcked500 "unknown-event-acked-500" "Events without a handler come again for seven hours, and nobody sees them." ["ack/unknown-event"]
    IgnoresCards "ignores-cards" "Clicks in frames of type card are lost." ["ack/card-frames"]
    ReadsZipped "reads-zipped" "A payload in an encoding nobody knows is read all the same." ["ack/zipped"]
    NotesTooEarly "notes-too-early" "An event that found the inbox full is a duplicate when it comes again." ["ack/full-inbox"]
    FullInboxDrops "full-inbox-drops" "Events that find the inbox full are acknowledged and lost." ["ack/full-inbox"]
    NoDedup "no-dedup" "What comes twice is handled twice." ["ack/duplicates"]
    DedupByEventIdOnly "dedup-by-event-id-only" "A message that is told by two events is answered twice." ["ack/same-message-other-event"]
    DedupByMessageIdOnly "dedup-by-message-id-only" "Clicks and reactions that come twice are handled twice." ["callback/twice"]
    ForgetsOnReconnect "forgets-on-reconnect" "After a reconnect old events are handled again." ["ack/over-a-reconnect"]

    // Who may speak, and what was said.
    EmptyListAllowsAll "empty-list-allows-all" "An empty list of users lets everybody in." ["gate/nobody"]
    AllowListAnyKind "allow-list-any-kind" "Who has somebody's open_id for a user_id is let in." ["gate/open-ids", "gate/union-ids"]
    AllowListOpenIdOnly "allow-list-open-id-only" "Who is allowed by a union or user id is not heard." ["gate/union-ids", "gate/user-ids"]
    AllowListLetterCase "allow-list-letter-case" "Who has an allowed id in other letters is let in." ["gate/exactly"]
    AnswersDenied "answers-denied" "Strangers are told that there is a bot." ["gate/nobody", "gate/unanswered"]
    AnyMentionOpens "any-mention-opens" "The bot answers when somebody else is mentioned." ["gate/somebody-else-mentioned"]
    AllOpensGate "all-opens-gate" "The bot answers whenever all are mentioned." ["gate/everybody-mentioned-unwanted"]
    TopicAsDirect "topic-as-direct" "The bot answers everything in groups of topics." ["gate/kinds-of-chats"]
    HearsBots "hears-bots" "Two bots talk to each other for ever." ["gate/bots"]
    HearsItself "hears-itself" "The bot answers itself for ever." ["gate/itself"]
    EatsCharacter "eats-character" "The character behind a mention is eaten." ["gate/nothing-eaten"]

    // Pings.
    NoFirstPing "no-first-ping" "The first ping comes after two minutes." ["ping/first", "ping/right-after-coming-back"]
    PingsOnce "pings-once" "After one ping there is no other." ["ping/every-interval"]
    NoPongTimeout "no-pong-timeout" "A dead connection is kept, and the bot is deaf." ["ping/dead-link-is-noticed"]
    NoWsPong "no-ws-pong" "Pings of WebSocket are not answered." ["ping/ws-ping"]
    FullInboxStopsPings "full-inbox-stops-pings" "While the program is busy there are no pings." ["ping/while-nothing-is-taken"]

    // Coming back.
    RedialsAtOnce "redials-at-once" "Attempts follow each other without a pause." ["redial/accept-then-drop", "redial/waits-grow"]
    BackoffResetOnAccept "backoff-reset-on-accept" "A platform that accepts and hangs up is stormed." ["redial/accept-then-drop"]
    HonoursReconnectCount "honours-reconnect-count" "The platform's ReconnectCount ends the bot." ["redial/count-of-one"]
    TwoConnections "two-connections" "After a reconnect the bot has two connections." ["redial/cut", "redial/one-at-a-time"]
    StopsWithoutGoodbye "stops-without-goodbye" "A bot that is stopped just hangs up." ["redial/told-to-stop"]

    // Tokens and calls.
    NoSingleFlight "no-single-flight" "A hundred calls ask for a hundred tokens." ["token/revoked-in-a-crowd", "token/hundred-at-once"]
    KeepsBadToken "keeps-bad-token" "A token that was revoked fails every call until it ends." ["token/revoked"]
    TokenForEver "token-for-ever" "A token is used after its end." ["token/short-life"]
    NoUuid "no-uuid" "A reply that is tried again arrives twice." ["call/arrives-once"]
    NewUuidPerTry "new-uuid-per-try" "A reply that is tried again counts as another." ["call/arrives-once"]
    NeverRetriesCalls "never-retries-calls" "A busy moment of the platform loses a reply." ["call/arrives-once"]
    RetriesRefusals "retries-refusals" "A call that was refused for good is made again and again." ["call/not-allowed"]

    // What a platform should not do.
    TextAsFrames "text-as-frames" "A text message ends the connection." ["hostile/text-ignored"]
    AcceptsMaskedFrames "accepts-masked-frames" "A server that masks, which proxies confuse, is not left." ["hostile/masked-server"]
    DiesOnUnknownMethod "dies-on-unknown-method" "A frame of a kind nobody knows crashes the bot." ["hostile/control-garbage", "ack/unknown-types"]

    // Reactions and callbacks.
    ReactsTwice "reacts-twice" "Each message gets two reactions." ["locale/one-each"]
    ReactsBeforeGate "reacts-before-gate" "Strangers get a reaction." ["locale/strangers"]
    TranslatesEmoji "translates-emoji" "Reactions have translated names, and none is ever seen." ["locale/one-each", "locale/fixed"]
    CallbackUnanswered "callback-unanswered" "A click shows an error." ["callback/toast"]
    AnswerAsString "answer-as-string" "A click's answer is a text in which JSON stands." ["callback/toast"]
    AnswerAsArray "answer-as-array" "A click's answer is a list of numbers." ["callback/toast"]

    // What is posted.
    AcceptsUnsigned "accepts-unsigned" "Whoever leaves the signature out can say anything." ["webhook/unsigned"]
    ComparesPrefix "compares-prefix" "Half a signature, or none of its digits, opens the door." ["webhook/signatures"]
    HashesReserialised "hashes-reserialised" "A body with a blank more than usual is refused." ["webhook/to-the-letter"]
    HeaderCaseSensitive "header-case-sensitive" "Behind a proxy that writes headers in small letters nothing arrives." ["webhook/header-names"]
    IgnoresStamp "ignores-stamp" "What was recorded once can be sent again years later." ["webhook/stamps", "webhook/stamps-at-the-edges"]
    NoReplayMemory "no-replay-memory" "What was recorded is handled again once ids are forgotten." ["webhook/replay"]
    TokenUnchecked "token-unchecked" "The Verification Token proves nothing." ["webhook/tokens"]
    TopLevelTokenOnly "top-level-token-only" "The token is looked for in the wrong place, and real events are refused." ["webhook/message"]
    EchoesChallenge "echoes-challenge" "Whoever asks is told that the URL is the bot's." ["webhook/challenge-without-token"]
    ChallengeUnescaped "challenge-unescaped" "A challenge with a quote comes back as broken JSON." ["webhook/challenge-odd"]
    LenientBase64 "lenient-base64" "Text that is no base64 is decrypted all the same." ["webhook/base64"]
    PaddingOracle "padding-oracle" "Wrong padding is told from a wrong signature, and so the text can be guessed." ["webhook/padding"]
    RefusalTellsWhy "refusal-tells-why" "Attackers are told what to try next." ["webhook/refused-alike"]
    AnswersBeforeInbox "answers-before-inbox" "An event is answered before anybody has it, and lost when the bot stops." ["webhook/stop-while-one-waits"]
    PostedFullInboxDrops "posted-full-inbox-drops" "Posted events that find the inbox full are answered 200 and lost." ["webhook/full-inbox"]
    WaitsForTheProgram "waits-for-the-program" "A click shows an error when the program is slow." ["webhook/click-unanswered"]
}
