/* trust-region-book, MIT. Sources: 977043abe2853083. Holds modules of D3 (ISC licence):
Copyright 2010-2021 Mike Bostock
Copyright 2010-2022 Mike Bostock
Copyright 2010-2026 Mike Bostock
Copyright 2015-2026 Mike Bostock

Permission to use, copy, modify, and/or distribute this software for any purpose
with or without fee is hereby granted, provided that the above copyright notice
and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND
FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS
OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER
TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
*/
import{h as p,prediction as h}from"./common.js";function v(o,l){o.querySelector(".level")?.remove();let c=l.toLowerCase().split(/[,:;]/)[0],n=[...o.querySelectorAll("text")].filter(({style:e})=>e.textAnchor!=="middle"),t=n.filter(({textContent:e})=>isNaN(e)&&c.includes(e.toLowerCase())),a=t.map(({style:e})=>e.fill).filter(e=>e!=="currentcolor");for(let e of o.querySelectorAll("text, path"))e.classList.toggle("chosen",t.includes(e)||a.includes(e.style.stroke));let d=l.match(/(?:at|about|than) (\d+(\.\d+)?)/i)?.[1],[i,f]=n.filter(({style:e,textContent:r})=>e.textAnchor==="end"&&!isNaN(r));if(!d||!f)return;let u=(d-i.textContent)/(f.textContent-i.textContent),s=i.cloneNode();s.textContent="– – – – your choice",s.setAttribute("class","level"),s.setAttribute("y",(1-u)*i.getAttribute("y")+u*f.getAttribute("y")),o.append(s)}var x="details:not(.tag_hide-input:not(.tag_hide-cell) > *)";function y(o){let l=new IntersectionObserver(t=>t.some(({isIntersecting:a})=>a)&&n(),{rootMargin:"0px 0px -65% 0px"}),c=t=>(t.preventDefault(),n());function n(){l.disconnect();for(let t of o)t.classList.remove("covered"),t.removeEventListener("click",c),t.removeEventListener("focusin",n)}for(let t of o)t.open=!0,t.classList.add("covered"),t.addEventListener("click",c),t.addEventListener("focusin",n);return o.length&&l.observe(o[0]),n}for(let o of document.querySelectorAll("article p:has(> strong) + ol")){let l=o.previousElementSibling.textContent;if(!/\bPredict[.:]/.test(l))continue;let c=`predicted ${location.pathname} ${l}`,n=[...o.children].map(({textContent:e})=>Array(2).fill(e.trim())),t=[];for(let e=o;(e=e.nextElementSibling)?.matches(".cell, details");)t.push(...[e,...e.children].filter(r=>r.matches(x)));let a=e=>{localStorage.setItem(c,e),f(e,e&&`You predicted: ${e}`),u();for(let r of t.flatMap(m=>[...m.querySelectorAll("svg")]))v(r,e)},d=h(n,e=>a(e===localStorage.getItem(c)?"":e)),{said:i,show:f}=d;i.setAttribute("role","status"),o.replaceWith(d.list),(t[0]?.firstElementChild??d.list).after(i);for(let e of t.flatMap(r=>[...r.querySelectorAll(".cell_input")])){let r=p("details",{},p("summary",{text:"The code"}));e.replaceWith(r),r.append(e)}let u=y(t),s=localStorage.getItem(c);n.flat().includes(s)&&a(s)}
