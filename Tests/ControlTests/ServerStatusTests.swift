import CommandOutput
import Testing

@testable import Control

@Suite("The status of a server")
struct ServerStatusTests {
    private func line(_ value: some Encodable) -> String { String(decoding: JSONText.line(value), as: UTF8.self) }

    @Test("every key is always present, with its documented name")
    func keys() {
        #expect(
            line(ServerStatus()) == """
                {"address":null,"admin":null,"changed_libraries":null,"connections":null,"directory":null,"generations":null,\
                "hanging_calls":null,"image_bytes":null,"images":null,"is_reloading":null,"kept_request_bytes":null,\
                "last_reload":null,"loops":null,"open_streams":null,"pid":null,"refusals":null,"refused_requests":null,\
                "reloads":null,"shared_streams":null,"stuck_streams":null,"threads":null,"uptime_seconds":null,\
                "urls":null,"version":null}
                """)
        #expect(
            line(ServerStatus.Generation()) == """
                {"age_seconds":null,"content":null,"draining_seconds":null,"file":null,"generation":null,\
                "held_for_generation":null,"holders":null,"image_bytes":null,"oldest_stream_seconds":null,\
                "open_streams":null,"plugin":null,"producers":null,"reason":null,"state":null,"subscribers":null,\
                "trial":null}
                """)
        #expect(line(ServerStatus.Loop(rows: 3)) == #"{"rows":3}"#)
        #expect(
            line(ServerStatus.HangingCall())
                == #"{"function":null,"generation":null,"plugin":null,"producer":null,"seconds":null,"stream":null}"#)
        #expect(
            line(ServerStatus.Trial(failures: 1, failuresMax: 3, secondsLeft: 7.25))
                == #"{"failures":1,"failures_max":3,"seconds_left":7.25}"#)
        #expect(
            line(ServerStatus.Producer(name: "a", route: "/a", opens: 3, closes: 2, open: 1))
                == #"{"closes":2,"name":"a","open":1,"opens":3,"route":"/a"}"#)
        #expect(
            line(ServerStatus.Holder(stream: "1a", producer: "a", shared: true, peer: nil, ageSeconds: 0.5))
                == #"{"age_seconds":0.5,"peer":null,"producer":"a","shared":true,"stream":"1a"}"#)
        #expect(
            line(ServerStatus.ChangedLibrary(library: "/l", plugins: ["a"])) == #"{"library":"/l","plugins":["a"]}"#)
        #expect(line(ServerStatus.Refusal(at: 7, error: "no")) == #"{"at":7,"error":"no"}"#)
    }
}
