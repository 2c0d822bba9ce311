/*
 * The demo shop.  What is slow, shifts or breaks here does so on purpose;
 * the only lines that know of the agent are those that call rum().
 */

"use strict";

window.rum = window.rum || function () {
    (rum.q = rum.q || []).push(arguments);
};

const $ = (selector) => document.querySelector(selector);

function on(selector, handler, type = "click") {
    const element = $(selector);

    if (element) {
        element.addEventListener(type, handler);
    }
}

/* keeps the main thread */
function busy(ms) {
    const end = performance.now() + ms;

    while (performance.now() < end) {
        /* as a bad loop would */
    }
}


/* ------------------------------------------------------------- the cart */

const cart = JSON.parse(sessionStorage.getItem("cart") || "[]");

function total() {
    return cart.reduce((sum, item) => sum + item.price, 0);
}

function show() {
    $("#cart-count").textContent = cart.length ? `(${cart.length})` : "";

    if ($("#total")) {
        $("#total").textContent = total().toFixed(2);
    }

    if ($("#cart")) {
        for (const item of cart) {
            const row = $("#cart").insertRow();

            row.insertCell().textContent = item.name;
            row.insertCell().textContent = `${item.price.toFixed(2)} €`;
        }
    }
}

on(".buy", ({ target }) => {
    busy(180);                          /* the interaction is slow */
    cart.push({
        id: target.dataset.id,
        name: target.dataset.name,
        price: +target.dataset.price,
    });
    sessionStorage.setItem("cart", JSON.stringify(cart));
    show();
    rum("event", "add_to_cart", +target.dataset.price);
});

on("#checkout", (event) => {
    event.preventDefault();
    rum("conversion", "checkout", +total().toFixed(2));
    cart.length = 0;
    sessionStorage.removeItem("cart");
    show();
    $("#checkout").hidden = true;
    $("#thanks").hidden = false;
}, "submit");

show();


/* ------------------------------------------------------------ the pages */

if ($("#banner")) {
    setTimeout(() => {
        $("#banner").innerHTML = "<p class=banner>Today: everything at the price of yesterday</p>";
    }, 600);
}

if ($("#shipping")) {
    fetch("/api/price").then((r) => r.json()).then(({ shipping }) => {
        $("#shipping").textContent = `${shipping.toFixed(2)} €`;
    });
}

if ($("#reviews")) {
    fetch("/api/reviews").then((r) => {
        $("#reviews").textContent = r.ok ? "" : "There are no reviews at the moment.";
    });
}


/* -------------------------------------------------------------- the lab */

const out = (text) => {
    $("#lab-out").append(Object.assign(document.createElement("p"), { textContent: text }));
};

on("#throw", () => {
    const basket = undefined;

    return basket.items;
});
on("#reject", () => {
    Promise.reject(new RangeError("the promise was too large"));
});
on("#fetch-500", () => fetch("/api/reviews").then((r) => out(`status ${r.status}`)));
on("#fetch-gone", () => fetch("https://nowhere.invalid/").catch(() => out("nobody there")));
on("#xhr-500", () => {
    const xhr = new XMLHttpRequest();

    xhr.onload = () => out(`status ${xhr.status}`);
    xhr.open("GET", "/api/reviews");
    xhr.send();
});
on("#fetch-slow", () => fetch("/api/slow").then((r) => r.text()).then((t) => out(`${t.length} bytes`)));
on("#broken-image", () => {
    $("#lab-out").append(Object.assign(new Image(), { src: "/assets/missing.svg" }));
});
on("#busy-50", () => {
    busy(50);
    out("50 ms");
});
on("#busy-300", () => {
    busy(300);
    out("300 ms");
});
on("#long-task", () => setTimeout(() => busy(200), 100));
on("#shift", () => {
    setTimeout(() => $(".lab").insertAdjacentHTML("beforebegin", "<p class=banner>This was not here</p>"), 700);
});
on("#console", () => console.error("something is odd"));


/* ------------------------------------------------------- the single page */

const steps = {
    gifts: ["For whom?", { "A friend": "friend", "A stranger": "stranger" }],
    friend: ["What does the friend like?", { Tea: "mug", Sleep: "lamp" }],
    stranger: ["How loud is the stranger?", { Loud: "shirt", Quiet: "lamp" }],
    mug: ["A mug it is.", {}],
    lamp: ["A lamp it is.", {}],
    shirt: ["A shirt it is.", {}],
};

function route() {
    const [question, answers] = steps[location.pathname.split("/")[2]] || steps.gifts;
    const links = Object.entries(answers)
        .map(([text, step]) => `<a class=button data-route href="/app/${step}">${text}</a>`);

    busy(40);                           /* rendering takes its time */
    $("#route").innerHTML = `<h2>${question}</h2><p>${links.join(" ")}</p>`;
}

if ($("#route")) {
    addEventListener("click", (event) => {
        const link = event.target.closest("a[data-route]");

        if (link) {
            event.preventDefault();
            history.pushState(null, "", link.href);
            route();
        }
    });
    addEventListener("popstate", route);
    route();
}
